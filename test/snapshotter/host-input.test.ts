import { expect, test } from 'vitest';
import { ConsensusError, LedgerSnapshotterError } from '../../src/core/errors.ts';
import { digest, type Seqno, seqno } from '../../src/core/words.ts';
import type { Snapshotter } from '../../src/snapshotter/create-snapshotter.ts';
import type { RecordedEvidence } from '../../src/snapshotter/host-input.ts';
import { setUp, turns, untilSubmitted } from '../helpers/set-up-host.ts';

// Whatever a host hands over or in whatever order: an error or a counted refusal, never a changed generation.

const waiting = [{ generation: 1, seqno: 6, phase: 'awaiting-evidence' }];
const hash = digest('ab'.repeat(32));
const evidence: RecordedEvidence = {
  snapshotSeqno: seqno(6),
  digest: hash,
  writeSetDigest: new Uint8Array(32),
  commitEvidence: 'ce:2.7:00',
};
/** What TypeScript would not let through. */
const bad = <T>(value: unknown): T => value as T;
const evidenceWith = (field: string, value: unknown) => (snapshotter: Snapshotter) =>
  snapshotter.recordEvidence(seqno(9), bad<RecordedEvidence>({ ...evidence, [field]: value }));
const statusWith = (timestamp: unknown) => (snapshotter: Snapshotter) =>
  snapshotter.recordStatus({ snapshotSeqno: seqno(9), timestamp: bad<bigint>(timestamp) });

const badNumbers = [Number.NaN, -1, 1.5, 2 ** 53, Number.POSITIVE_INFINITY, '7', undefined, null];
const takers: readonly (readonly [string, (snapshotter: Snapshotter, value: Seqno) => void])[] = [
  ['recordCommittable', (it, value) => it.recordCommittable(value)],
  ['recordEvidence', (it, value) => it.recordEvidence(value, evidence)],
  ['recordSignature', (it, value) => it.recordSignature(value, new Uint8Array(1))],
  ['recordTree', (it, value) => it.recordTree(value, new Uint8Array(1))],
  ['recordStatus', (it, snapshotSeqno) => it.recordStatus({ snapshotSeqno, timestamp: 1 })],
  ['commit', (it, value) => it.commit(value, { primary: true })],
  ['rollback', (it, value) => it.rollback(value)],
];

test.each(takers)('%s() throws a RangeError for what is no seqno', async (_, call) => {
  const setup = await setUp();
  await untilSubmitted(setup);
  for (const value of badNumbers) {
    expect(() => call(setup.snapshotter, bad<Seqno>(value))).toThrow(RangeError);
  }
  expect(setup.snapshotter.live).toMatchObject(waiting);
});

test.each([
  ['evidence without a digest', TypeError, evidenceWith('digest', undefined)],
  ['evidence with a short digest', LedgerSnapshotterError, evidenceWith('digest', 'ab')],
  ['evidence of no snapshot', RangeError, evidenceWith('snapshotSeqno', -1)],
  ['a write set digest of text', TypeError, evidenceWith('writeSetDigest', 'ab')],
  ['a short write set digest', RangeError, evidenceWith('writeSetDigest', new Uint8Array(31))],
  ['commit evidence of bytes', TypeError, evidenceWith('commitEvidence', new Uint8Array(1))],
  [
    'a signature of text',
    TypeError,
    (it: Snapshotter) => it.recordSignature(seqno(9), bad<Uint8Array>('ab')),
  ],
  [
    'no signature',
    RangeError,
    (it: Snapshotter) => it.recordSignature(seqno(9), new Uint8Array(0)),
  ],
  [
    'a tree of text',
    TypeError,
    (it: Snapshotter) => it.recordTree(seqno(9), bad<Uint8Array>('ab')),
  ],
  ['a role of nothing', TypeError, (it: Snapshotter) => it.commit(seqno(9), bad(undefined))],
  ['a role of text', TypeError, (it: Snapshotter) => it.commit(seqno(9), bad({ primary: 'yes' }))],
  ['a time of text', TypeError, statusWith('1')],
  ['a time before 1970', RangeError, statusWith(-1n)],
  ['no time at all', RangeError, statusWith(Number.NaN)],
] as const)('a snapshotter refuses %s', async (_, error, call) => {
  const setup = await setUp();
  await untilSubmitted(setup);
  expect(() => call(setup.snapshotter)).toThrow(error);
  await turns(5);
  expect(setup.snapshotter.live).toMatchObject(waiting);
});

const codeOf = (call: () => void): string => {
  try {
    call();
    return 'accepted';
  } catch (error) {
    return error instanceof ConsensusError ? error.code : String(error);
  }
};

test('SCH-42 SCH-43 SCH-74 what goes back is a typed error', async () => {
  const setup = await setUp();
  const { snapshotter } = setup;
  await untilSubmitted(setup);
  const codes = [
    () => snapshotter.commit(seqno(5), { primary: true }),
    () => snapshotter.rollback(seqno(5)),
    () => snapshotter.recordSignature(seqno(6), new Uint8Array(1)),
    () => snapshotter.recordTree(seqno(6), new Uint8Array(1)),
  ].map(codeOf);
  expect(codes).toEqual([
    'COMMIT_BELOW_COMMIT',
    'ROLLBACK_BELOW_COMMIT',
    'PROOF_BELOW_COMMIT',
    'PROOF_BELOW_COMMIT',
  ]);
  expect(snapshotter.live).toMatchObject(waiting);
});

test('SCH-42 a commit before a snapshot that the status tells of is a typed error', async () => {
  const { snapshotter } = await setUp();
  snapshotter.recordStatus({ snapshotSeqno: seqno(14), timestamp: 1n });
  const codes = [
    () => snapshotter.commit(seqno(13), { primary: false }),
    () => snapshotter.rollback(seqno(13)),
    () => snapshotter.commit(seqno(14), { primary: false }),
  ].map(codeOf);
  expect(codes).toEqual(['COMMIT_BELOW_COMMIT', 'ROLLBACK_BELOW_COMMIT', 'accepted']);
});

test('SCH-11 GEN-20 what is out of order is refused, counted and logged', async () => {
  const logged: object[] = [];
  const refused: string[] = [];
  const setup = await setUp({
    logger: { info: (details) => logged.push(details), warn: () => {}, error: () => {} },
  });
  const { snapshotter, host } = setup;
  snapshotter.subscribe((event) => {
    if (event.type === 'event.refused') refused.push(`${event.event} ${event.seqno}`);
  });
  await untilSubmitted(setup);
  expect(snapshotter.recordCommittable(seqno(3))).toBe(false);
  snapshotter.recordEvidence(seqno(5), evidence);
  host.recordEvidence(snapshotter, { snapshotSeqno: seqno(4), digest: hash });
  await turns(5);
  expect(refused).toEqual(['committable.recorded 3', 'evidence.recorded 5', 'evidence.recorded 7']);
  expect(logged).toContainEqual({ event: 'evidence.recorded', seqno: 7 });
  expect(snapshotter.live).toMatchObject(waiting);
});

test('GEN-21 GEN-22 signatures and a commit far beyond what is known wait for the evidence', async () => {
  const setup = await setUp();
  const { snapshotter, host, asked } = setup;
  await untilSubmitted(setup);
  await host.sign(snapshotter);
  snapshotter.commit(seqno(1_000), { primary: true });
  await turns(5);
  expect(snapshotter.live).toMatchObject(waiting);
  for (const fact of asked) host.recordEvidence(snapshotter, fact);
  await turns(5);
  expect(snapshotter.live).toMatchObject(waiting);
});

test('EDGE-9 evidence that was rolled back and comes again gives no file', async () => {
  const setup = await setUp();
  const { snapshotter, host, asked } = setup;
  const generation = await untilSubmitted(setup);
  for (const fact of asked) host.recordEvidence(snapshotter, fact);
  snapshotter.rollback(generation.seqno);
  expect((await generation.ended).outcome).toBe('rolled-back');
  const refused: string[] = [];
  snapshotter.subscribe((event) => refused.push(event.type));
  for (const fact of asked) host.recordEvidence(snapshotter, fact);
  await host.sign(snapshotter);
  snapshotter.commit(host.last, { primary: true });
  await turns();
  expect(refused).toContain('event.refused');
  expect((await setup.disk.list('/snapshots')).map(({ name }) => name)).toEqual(['lock']);
});

test('EDGE-15 every call after close() is the typed error CLOSED', async () => {
  const { snapshotter } = await setUp();
  await snapshotter.close();
  const calls = [
    ...takers.map(
      ([, call]) =>
        () =>
          call(snapshotter, seqno(9)),
    ),
    () => snapshotter.force(),
    () => snapshotter.enable(),
    () => snapshotter.disable(),
    () => snapshotter.cancel(1),
  ];
  expect(new Set(calls.map(codeOf))).toEqual(new Set(['CLOSED']));
  expect(snapshotter.live).toEqual([]);
  await snapshotter.close();
});
