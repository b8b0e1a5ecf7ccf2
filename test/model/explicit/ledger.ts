import type { AnyEventObject } from 'xstate';
import { type Digest, digest, seqno } from '../../../src/core/words.ts';
import type { Delivery } from './product.ts';
import {
  append,
  baseSeqno,
  type Choice,
  type Entry,
  entryAt,
  good,
  hurt,
  hurtAll,
  intervalMs,
  isComplete,
  type Left,
  lastSeqno,
  limited,
  replaceLast,
  type State,
  same,
  snapshotterOf,
  spend,
  type World,
} from './world.ts';

/** The one digest of each state, and one that is of none. */
export const digestOf = (version: number): Digest => digest(version.toString(16).padStart(64, 'd'));
const falseDigest = digest('f'.repeat(64));

/** Equal events are one object, which is how the product knows them again. */
const known = new Map<string, AnyEventObject>();
export function shared(key: string, make: () => AnyEventObject): AnyEventObject {
  const event = known.get(key);
  if (event) return event;
  const made = make();
  known.set(key, made);
  return made;
}

const fact = (type: string, at: number, more: object = {}): AnyEventObject =>
  shared(`${type} ${at} ${Object.values(more).join()}`, () => ({
    type,
    seqno: seqno(at),
    ...more,
  }));
const told = (event: AnyEventObject): readonly Delivery[] => [{ to: 0, event }];
const plain = (type: string) => told(shared(type, () => ({ type })));
const evidenceTold = (at: number, version: number, isFalse: boolean) => {
  const digestTold = isFalse ? falseDigest : digestOf(version);
  return told(fact('evidence.recorded', at, { snapshotSeqno: seqno(version), digest: digestTold }));
};
export const committable = (at: number, nowMs: number): AnyEventObject =>
  fact('committable.recorded', at, { nowMs });

/** Asks whether a signature transaction here would be a snapshot point. */
export type IsDue = (at: number) => boolean;

/** What the ledger and the host can do. */
export function ledgerChoices(state: State, isDue: IsDue): readonly Choice[] {
  const { actors, world } = state;
  if (actors.snapshotter === undefined) return [];
  // Once it is closing, the host tells the snapshotter nothing more that it would hear.
  if (actors.snapshotter.state.value === 'closing') return crashes(world);
  return [
    ...signs(state, isDue),
    ...tells(world),
    ...commits(world),
    ...rollbacks(world),
    ...foreign(state),
    ...requests(state),
    ...crashes(world),
  ];
}

/** A signature transaction: its seqno, its signature and its tree are told one after another. */
function signs(state: State, isDue: IsDue): readonly Choice[] {
  const { world } = state;
  const last = world.entries.at(-1);
  const at = lastSeqno(world);
  if (last?.kind === 'signature' && last.stage === 'reserved') return [signed(at)];
  if (last?.kind === 'signature' && last.stage === 'signed') return trees(state, at);
  if (!isComplete(last)) return [];
  const helps = isUncovered(world) || (world.primary && isDue(at + 1));
  if (helps) return [begunSignature(world, at + 1)];
  if (world.left.signature === 0) return [];
  const { change, ...choice } = begunSignature(world, at + 1);
  const label = `${choice.label} for nothing`;
  return [{ ...choice, label, change: (it) => spend(change(it), 'signature') }];
}

const signed = (at: number): Choice =>
  good(
    `signature ${at} recorded`,
    (it) =>
      replaceLast(it, {
        kind: 'signature',
        ends: false,
        ...it.entries.at(-1),
        stage: 'signed',
      } as Entry),
    told(fact('signature.recorded', at)),
  );

/** Evidence is in the ledger, and no signature after it. */
const isUncovered = ({ entries }: World): boolean =>
  entries.findLastIndex(({ kind }) => kind === 'evidence') >
  entries.findLastIndex(({ kind }) => kind === 'signature');

/** A backup's signatures are another node's: nobody asks whether a snapshot is due. */
function begunSignature(world: World, at: number): Choice {
  const entry = { kind: 'signature', ends: false } as const;
  if (!world.primary) {
    const deliveries = told(fact('signature.recorded', at));
    const label = `signature ${at} of another node recorded`;
    return good(label, (it) => append(it, { ...entry, stage: 'signed' }), deliveries);
  }
  const begun = (it: World) => append(it, { ...entry, stage: 'reserved' });
  return {
    ...good(`signature ${at} begun`, begun, told(committable(at, world.nowMs))),
    answer: (after, actors) => {
      if (snapshotterOf(actors)?.points.at(-1)?.seqno !== at) return after;
      return { ...replaceLast(after, { ...entry, stage: 'reserved', ends: true }), forced: false };
    },
  };
}

/** With its tree a signature transaction is complete, and a due state is frozen at once. */
function trees({ actors, world }: State, at: number): readonly Choice[] {
  const tree = told(fact('tree.recorded', at));
  const complete = (it: World) =>
    replaceLast(it, {
      kind: 'signature',
      ends: false,
      ...it.entries.at(-1),
      stage: 'complete',
    } as Entry);
  const isPoint = snapshotterOf(actors)?.points.some((point) => point.seqno === at);
  if (!isPoint) return [good(`tree ${at} recorded`, complete, tree)];
  const frozen = (it: World) => ({ ...complete(it), handles: [...it.handles, at] });
  const taken = [...tree, ...told(fact('freeze.taken', at))];
  const failed = [...tree, ...told(fact('freeze.failed', at, { reason: 'EIO' }))];
  return [
    good(`tree ${at} recorded, state frozen`, frozen, taken),
    ...limited('fault', world, {
      label: `tree ${at} recorded, state not frozen`,
      ...{ change: complete, deliveries: failed },
    }),
  ];
}

/** Evidence whose submission was answered before it was told. */
function tells({ entries }: World): readonly Choice[] {
  const last = entries.at(-1);
  if (last?.kind !== 'evidence' || last.told) return [];
  const at = baseSeqno + entries.length;
  const change = (it: World) => replaceLast(it, { ...last, told: true });
  const label = `evidence of ${last.version} recorded at ${at}, late`;
  return [good(label, change, evidenceTold(at, last.version, last.of === 'false'))];
}

/** Evidence of `version` that is told as soon as it is in the ledger. */
export function recordedEvidence(
  world: World,
  version: number,
  of: 'own' | 'foreign' | 'false',
): Choice {
  const at = lastSeqno(world) + 1;
  const change = (it: World) => append(it, { kind: 'evidence', version, of, told: true });
  const label = `${of === 'own' ? '' : `${of} `}evidence of ${version} recorded at ${at}`;
  return good(label, change, evidenceTold(at, version, of === 'false'));
}

/** Evidence that nobody here submitted; with our digest, it comes from another node's log. */
function foreign({ actors, world }: State): readonly Choice[] {
  if (!isComplete(world.entries.at(-1))) return [];
  const versions = snapshotterOf(actors)?.slots.map(({ seqno: version }) => version) ?? [];
  const kinds = world.primary ? (['false'] as const) : (['false', 'foreign'] as const);
  return versions.flatMap((version) =>
    kinds.flatMap((of) => limited('foreign', world, recordedEvidence(world, version, of))),
  );
}

function commits(world: World): readonly Choice[] {
  const { committed, primary, entries } = world;
  const last = lastSeqno(world) - (isComplete(entries.at(-1)) ? 0 : 1);
  return between(committed + 1, last).map((at) =>
    good(
      `commit ${at}${primary ? '' : ' as backup'}`,
      (it) => ({ ...it, committed: at, led: primary }),
      told(fact('commit.advanced', at, { primary })),
    ),
  );
}

function rollbacks(world: World): readonly Choice[] {
  if (world.left.rollback === 0) return [];
  return between(world.committed, lastSeqno(world) - 1).flatMap((at) =>
    limited('rollback', world, {
      label: `rollback to ${at}`,
      change: (it) =>
        hurtAll({ ...it, entries: it.entries.slice(0, at - baseSeqno), forced: false }),
      deliveries: told(fact('rollback.occurred', at)),
    }),
  );
}

function requests({ actors, world }: State): readonly Choice[] {
  const { primary } = world;
  const isEnabled = actors.snapshotter?.state.matches({ open: 'enabled' });
  const toggle = isEnabled ? 'snapshots.disabled' : 'snapshots.enabled';
  const forced = shared('forced', () => ({ type: 'snapshot.forced', receipt: undefined }));
  return [
    ...limited('change', world, {
      label: primary ? 'another node is primary now' : 'this node is primary now',
      change: (it) => hurtAll({ ...it, primary: !primary }),
      deliveries: [],
    }),
    ...limited('force', world, {
      label: 'snapshot forced',
      change: (it) => ({ ...it, forced: true }),
      deliveries: told(forced),
    }),
    ...limited('toggle', world, { label: toggle, change: same, deliveries: plain(toggle) }),
    ...limited('shutdown', world, {
      label: 'shutdown requested',
      change: (it) => ({ ...hurtAll(it), forced: false, left: leftWhenClosing(it) }),
      deliveries: plain('shutdown.requested'),
    }),
    ...(world.left.cancel > 0 ? cancels({ actors, world }) : []),
    ...(world.left.clock > 0 ? clocks(world) : []),
    ...(world.left.status > 0 ? statuses({ actors, world }) : []),
  ];
}

function clocks(world: World): readonly Choice[] {
  return [intervalMs, -intervalMs].flatMap((ms) =>
    limited('clock', world, {
      label: ms > 0 ? 'an interval passes' : 'the clock is set back',
      change: (it) => ({ ...it, nowMs: it.nowMs + ms }),
      deliveries: [],
    }),
  );
}

/** Of a snapshot that is committed, and newer than those known of. */
function statuses({ actors, world }: State): readonly Choice[] {
  const { committed = 0, baseline = 0 } = snapshotterOf(actors) ?? {};
  return between(Math.max(baseline + 1, baseSeqno + 1), committed)
    .filter((at) => entryAt(world, at)?.kind === 'signature')
    .flatMap((at) =>
      limited('status', world, {
        label: `status of a snapshot of ${at} recorded`,
        change: same,
        deliveries: told(fact('status.recorded', at, { timestampMs: world.nowMs })),
      }),
    );
}

/** What cannot happen any more is not counted, so that such states are one. */
const leftWhenClosing = ({ left }: World): Left => ({
  ...{ rollback: 0, change: 0, force: 0, foreign: 0, cancel: 0, toggle: 0, signature: 0 },
  ...{ clock: 0, status: 0, crash: left.crash, fault: left.fault, shutdown: left.shutdown },
});

function cancels({ actors, world }: State): readonly Choice[] {
  return (snapshotterOf(actors)?.slots ?? []).flatMap(({ generation, id }) => {
    const type = 'generation.cancelled';
    const event = shared(`${type} ${generation}`, () => ({ type, generation }));
    const slot = Number(id.slice('slot:'.length));
    const label = `generation ${generation} in slot ${slot} cancelled`;
    return limited('cancel', world, {
      label,
      change: (it) => hurt(it, slot),
      deliveries: told(event),
    });
  });
}

/** What was not committed is gone, spools are swept, and a name that was not synced may be there or not. */
function crashes(world: World): readonly Choice[] {
  const crash = (label: string, isKept: boolean) =>
    limited('crash', world, {
      ...{ label, deliveries: [], crash: true },
      change: (it) => ({
        ...it,
        entries: it.entries.slice(0, it.committed - baseSeqno),
        ...{ handles: [], works: it.works.map(() => undefined), forced: false, led: false },
        files: it.files
          .filter(({ durable }) => durable || isKept)
          .map((file) => ({ ...file, durable: true })),
      }),
    });
  if (world.files.every(({ durable }) => durable)) return crash('crash', true);
  return [
    ...crash('crash, the new name is there', true),
    ...crash('crash, the new name is lost', false),
  ];
}

const between = (first: number, last: number): readonly number[] =>
  Array.from({ length: Math.max(last - first + 1, 0) }, (_, index) => first + index);
