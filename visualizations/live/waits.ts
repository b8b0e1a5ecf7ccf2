import type { ActorView, GenerationView } from './model.ts';
import { isFailure, statePaths } from './model.ts';

/** One of the things that must be there before a snapshot is published. */
export interface Need {
  readonly name: string;
  readonly state: 'done' | 'waiting' | 'working' | 'not-yet' | 'given-up';
  readonly words: string;
}

/** What a generation has and what it still waits for, in the order in which it usually comes. */
export function needsOf(view: GenerationView): readonly Need[] {
  const actor = view.actors.get('generation');
  if (actor === undefined) return [];
  return [
    need(view, actor, serialised),
    need(view, actor, evidence),
    need(view, actor, signature),
    need(view, actor, tree),
    need(view, actor, commit),
    need(view, actor, file),
  ];
}

interface Gate {
  readonly name: string;
  /** What is so in these active states; the first that fits. */
  readonly states: readonly (readonly [RegExp, Need['state'], string])[];
  /** Words once it is done. */
  readonly done: (context: Readonly<Record<string, unknown>>) => string;
}

/** Beyond the gate everything was collected. */
const afterGate = /^(?:persisting|committed|notDurable|duplicate)/;
const proving = 'awaiting-evidence.proving';

const serialised: Gate = {
  name: 'State serialised',
  states: [
    [/^scheduled/, 'working', 'a worker writes the frozen state into a spool file and hashes it'],
  ],
  done: ({ digest }) => `digest ${String(digest ?? '').slice(0, 16)}…`,
};

const evidence: Gate = {
  name: 'Evidence in the ledger',
  states: [
    [/^scheduled/, 'not-yet', 'after the state is serialised'],
    [/^serialised/, 'working', 'the evidence transaction is being submitted'],
    [/^awaiting-evidence\.unseen/, 'waiting', 'accepted, but not in the ledger yet'],
  ],
  done: ({ evidenceSeqno }) => `seqno ${evidenceSeqno}`,
};

const notProving = [
  /^(?:scheduled|serialised|awaiting-evidence\.unseen)/,
  'not-yet',
  'after the evidence',
] as const;

const signature: Gate = {
  name: 'Signature over the evidence',
  states: [
    notProving,
    [
      new RegExp(`^${proving}.signature.missing`),
      'waiting',
      'waits for the next signature transaction',
    ],
    [new RegExp(`^${proving}.signature.recorded`), 'waiting', 'recorded; waits for its tree'],
    [new RegExp(`^${proving}.signature.verifying`), 'working', 'being verified'],
  ],
  done: ({ signatureSeqno }) => `verified, seqno ${signatureSeqno}`,
};

const tree: Gate = {
  name: 'Merkle tree with the evidence',
  states: [
    notProving,
    [new RegExp(`^${proving}.tree.missing`), 'waiting', 'waits for the tree of that signature'],
    [new RegExp(`^${proving}.tree.verifying`), 'working', 'being verified'],
  ],
  done: () => 'it proves the evidence',
};

const commit: Gate = {
  name: 'Commit of the signature',
  states: [
    notProving,
    [new RegExp(`^${proving}.commit.waiting`), 'waiting', 'waits for consensus'],
  ],
  done: ({ signatureSeqno }) => `everything up to seqno ${signatureSeqno} is committed`,
};

const file: Gate = {
  name: 'File published',
  states: [
    [/^(?:scheduled|serialised|awaiting-evidence)/, 'not-yet', 'after all of the above'],
    [/^persisting/, 'working', 'receipt, sync, rename, sync of the directory'],
  ],
  done: ({ file: name }) => String(name ?? ''),
};

function need(view: GenerationView, { value, context }: ActorView, gate: Gate): Need {
  const { name } = gate;
  const paths = statePaths(value);
  const found = gate.states.find(([pattern]) => paths.some((path) => pattern.test(path)));
  if (found) return { name, state: found[1], words: found[2] };
  const isOver = view.outcome !== undefined && isFailure(view.outcome);
  // Once persisting began everything before it was there, however it ended.
  const wasPast = view.phases.some(({ phase }) => phase === 'persisting');
  const isPast = (wasPast || paths.some((path) => afterGate.test(path))) && gate !== file;
  if (isPast || hasIt(gate, context, isOver))
    return { name, state: 'done', words: gate.done(context) };
  if (!isOver && !paths.includes('releasing'))
    return { name, state: 'done', words: gate.done(context) };
  return { name, state: 'given-up', words: 'given up: the generation has ended without it' };
}

/** Of a generation that was given up, what its context still proves. */
function hasIt(gate: Gate, context: Readonly<Record<string, unknown>>, isOver: boolean): boolean {
  if (gate === serialised) return typeof context['digest'] === 'string';
  if (gate === evidence) return typeof context['evidenceSeqno'] === 'number';
  if (gate === file) return typeof context['file'] === 'string' && !isOver;
  return false;
}
