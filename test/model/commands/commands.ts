import fc from 'fast-check';
import type { FaultKind, Port } from './gates.ts';
import type { Flaw } from './ledger.ts';
import type { Policy } from './model.ts';
import type { Settings } from './surroundings.ts';

/**
 * What may happen to a snapshotter. A command is plain data, and where it needs something that is there it
 * picks by a number: so every list of commands means something, and a shorter one still does.
 */
export type Command =
  | { readonly kind: 'transaction'; readonly count: number }
  | { readonly kind: 'signature'; readonly flaw: Flaw; readonly failsToFreeze: boolean }
  | { readonly kind: 'commit'; readonly to: 'signature' | 'any'; readonly pick: number }
  /** A deep one undoes anything that is not committed, a shallow one little more than a signature. */
  | { readonly kind: 'rollback'; readonly isDeep: boolean; readonly pick: number }
  | { readonly kind: 'role'; readonly isPrimary: boolean }
  | { readonly kind: 'force' | 'enable' | 'disable' | 'close' | 'stale' }
  | {
      readonly kind: 'evidence';
      readonly claim: 'right' | 'wrong' | 'unknown';
      readonly pick: number;
    }
  /** As many transactions as make a point, its signature, and its commit. */
  | { readonly kind: 'take' }
  /** What a busy host does in one go: evidence for all that wait, a signature over it, and its commit. */
  | { readonly kind: 'prove' }
  | { readonly kind: 'policy'; readonly policy: Policy }
  | {
      readonly kind: 'answer';
      readonly answer: 'accept' | 'refuse' | 'throw';
      readonly pick: number;
    }
  | {
      readonly kind: 'fault';
      readonly fault: FaultKind;
      readonly pick: number;
      readonly times: number;
      /** A fault of the port at `pick` that waits, if one does: what is under way fails. */
      readonly isAtHand: boolean;
    }
  /**
   * What is rare by chance: goes on until a generation has come to this port, lets that fail or not, and at
   * that very moment does something to the generation; `resign` rolls its signature back and signs another.
   */
  | {
      readonly kind: 'strike';
      readonly port: Port;
      readonly fails: boolean;
      readonly pick: number;
      readonly meanwhile: 'nothing' | 'cancel' | 'close' | 'crash' | 'resign';
    }
  /** A status was committed, of a snapshot that whatever node took. */
  | { readonly kind: 'status'; readonly pick: number; readonly ageMs: number }
  | { readonly kind: 'crash'; readonly survival: readonly number[] }
  | { readonly kind: 'pass' | 'jump'; readonly ms: number }
  | { readonly kind: 'cancel'; readonly pick: number };

/** A command, and which of the waiting ports answer after it, one after another. */
export interface Step {
  readonly command: Command;
  /** The next command comes in the same turn, before anything that this one has set going. */
  readonly isHasty: boolean;
  readonly answers: readonly number[];
}

export interface Scenario {
  readonly settings: Settings;
  /** Whether receipts are checked by cose-js as well. */
  readonly isReal: boolean;
  readonly steps: readonly Step[];
}

const pick = fc.nat({ max: 20 });

const faults: readonly FaultKind[] = [
  'open',
  'fill',
  'append',
  'sync',
  'close',
  'rename',
  'dirsync',
  'remove',
  'duplicate',
  'conflict',
  'serialise-throws',
  'check-refuses',
  'check-throws',
  'verify-throws',
];

const ports: readonly Port[] = [
  'open',
  'serialise',
  'verify',
  'prove',
  'prove',
  'check',
  'append',
  'sync',
  'close',
  'publish',
  'publish',
  'dirsync',
  'remove',
];

const strike = fc.record({
  kind: fc.constant('strike' as const),
  port: fc.constantFrom(...ports),
  fails: fc.boolean(),
  pick: fc.nat({ max: 20 }),
  meanwhile: fc.constantFrom(
    'nothing' as const,
    'cancel' as const,
    'cancel' as const,
    'close' as const,
    'crash' as const,
    'resign' as const,
    'resign' as const,
  ),
});

const kind = <K extends Command['kind']>(value: K) => fc.constant(value);

const signature = fc.record({
  kind: kind('signature'),
  flaw: fc.oneof(
    { weight: 18, arbitrary: fc.constant<Flaw>('none') },
    { weight: 1, arbitrary: fc.constantFrom<Flaw>('signature', 'tree') },
  ),
  failsToFreeze: fc.nat({ max: 19 }).map((n) => n === 19),
});

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: kind('transaction'), count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 12, arbitrary: signature },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: kind('commit'),
      to: fc.constantFrom('signature' as const, 'signature' as const, 'any' as const),
      pick: fc.nat({ max: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: kind('rollback'), isDeep: fc.boolean(), pick }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: kind('role'), isPrimary: fc.nat({ max: 2 }).map((n) => n > 0) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind('force') }) },
  { weight: 3, arbitrary: fc.record({ kind: kind('enable') }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('disable' as const, 'stale' as const) }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      kind: kind('evidence'),
      claim: fc.constantFrom(
        'right' as const,
        'right' as const,
        'right' as const,
        'wrong' as const,
        'unknown' as const,
      ),
      pick,
    }),
  },
  { weight: 10, arbitrary: fc.record({ kind: kind('take') }) },
  { weight: 6, arbitrary: fc.record({ kind: kind('prove') }) },
  { weight: 4, arbitrary: strike },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: kind('policy'),
      policy: fc.constantFrom<Policy>(
        'accept',
        'accept',
        'accept',
        'hold',
        'hold',
        'refuse',
        'throw',
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: kind('answer'),
      answer: fc.constantFrom(
        'accept' as const,
        'accept' as const,
        'refuse' as const,
        'throw' as const,
      ),
      pick,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: kind('fault'),
      fault: fc.constantFrom(...faults),
      pick,
      times: fc.integer({ min: 1, max: 2 }),
      isAtHand: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: kind('crash'),
      survival: fc.array(fc.nat({ max: 3 }), { maxLength: 6 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: kind('pass'), ms: fc.constantFrom(1, 500, 1000, 2000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: kind('jump'), ms: fc.constantFrom(-10_000, -1000, 1000, 10_000) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind('cancel'), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('close') }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: kind('status'), pick, ageMs: fc.constantFrom(0, 500, 5000) }),
  },
);

const settings: fc.Arbitrary<Settings> = fc.record({
  txInterval: fc.constantFrom(1, 2, 2, 3, 4, 6, 50),
  capacity: fc.integer({ min: 1, max: 3 }),
  whenFull: fc.constantFrom('keep' as const, 'drop' as const),
  attemptsMax: fc.integer({ min: 1, max: 3 }),
  evidenceTimeoutMs: fc.constantFrom(1000, 2 ** 31 - 1),
  timeIntervalMs: fc.constantFrom(0, 0, 1000),
  minTxInterval: fc.constantFrom(0, 2, 3),
});

/** One run in fifty asks cose-js for its opinion. */
const isReal = fc.nat({ max: 49 }).map((n) => n === 49);

export interface ScenarioOptions {
  readonly lengthMax: number;
  /** Answers that are let through after one command, at most; 0 where they come by themselves. */
  readonly answersMax: number;
}

export function scenarios({ lengthMax, answersMax }: ScenarioOptions): fc.Arbitrary<Scenario> {
  const answers = fc.array(fc.nat({ max: 11 }), { maxLength: answersMax });
  const isHasty = fc.nat({ max: 4 }).map((n) => n === 4);
  const step = fc.record({ command, isHasty, answers });
  const steps = fc.array(step, { minLength: 1, maxLength: lengthMax, size: 'max' });
  return fc.record({ settings, isReal, steps });
}
