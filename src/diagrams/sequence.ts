/** Who says what to whom, in the order in which it was said. */
export interface Sequence {
  readonly title: string;
  /** What is shown and where it comes from, for whoever cannot see it. */
  readonly description: string;
  readonly lanes: readonly SequenceLane[];
  readonly steps: readonly SequenceStep[];
}

/** One who speaks. */
export interface SequenceLane {
  /** Letters alone: Mermaid takes nothing else for a name in its arrows. */
  readonly id: string;
  readonly name: string;
  /** What it is, in two or three words. */
  readonly note: string;
}

/** One line of a sequence, from top to bottom. */
export type SequenceStep = SequenceMessage | SequenceBand;

export interface SequenceMessage {
  /** A `call` is asked and answered with nothing in between. */
  readonly kind: 'message' | 'answer' | 'call';
  /** Ids of lanes; the same one twice is work that the lane does by itself. */
  readonly from: string;
  readonly to: string;
  readonly label: string;
  /** What was said with it, in short. */
  readonly detail?: string;
}

/** A line across all lanes: what begins here, and a word on it. */
export interface SequenceBand {
  readonly kind: 'band';
  readonly label: string;
  readonly detail?: string;
}
