import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { seqno } from '../../src/core/words.ts';
import {
  digestOfSpool,
  setUp,
  start,
  turns,
  untilCommitted,
  untilSubmitted,
} from '../helpers/set-up-host.ts';

test('SCH-70 a point that is rolled back and frozen again in one turn keeps its own state', async () => {
  const setup = await setUp();
  const { host, snapshotter, asked } = setup;
  for (let i = 0; i < 4; i++) host.write(`key ${i}`, 'value');
  const point = await host.sign(snapshotter);
  expect(point).toBe(true);
  const again = host.last;
  snapshotter.rollback(seqno(again - 1));
  expect(snapshotter.recordCommittable(again)).toBe(true);
  snapshotter.recordSignature(again, new Uint8Array(1));
  snapshotter.recordTree(again, new Uint8Array(16));
  await turns();
  expect([host.frozen, host.released]).toEqual([2, 1]);
  snapshotter.commit(again, { primary: true });
  await expect.poll(() => asked.length).toBe(1);
});

test('SCH-49 points that wait for commit are bounded, and so are their frozen states (differs)', async () => {
  const setup = await setUp({ txInterval: 1 });
  for (let i = 0; i < 20; i++) await setup.host.sign(setup.snapshotter);
  await turns();
  expect(setup.host.frozen - setup.host.released).toBe(8);
  setup.snapshotter.commit(setup.host.last, { primary: true });
  expect(setup.snapshotter.live.map((generation) => generation.seqno)).toEqual([setup.host.last]);
});

test('GEN-21 evidence that comes after other signatures were committed takes the first one after it', async () => {
  const setup = await setUp();
  const { host, snapshotter } = setup;
  const generation = await untilSubmitted(setup);
  for (let i = 0; i < 3; i++) {
    await host.sign(snapshotter);
    snapshotter.commit(host.last, { primary: true });
  }
  for (const evidence of setup.asked) host.recordEvidence(snapshotter, evidence);
  await host.sign(snapshotter);
  snapshotter.commit(host.last, { primary: true });
  await host.sign(snapshotter);
  snapshotter.commit(host.last, { primary: true });
  expect((await generation.ended).outcome).toBe('committed');
});

test('GEN-13 evidence that is in the log needs no answer to its submission', async () => {
  const setup = await setUp({ evidence: { submit: () => new Promise(() => {}) } });
  const generation = await start(setup);
  await turns();
  const evidence = { snapshotSeqno: generation.seqno, digest: await digestOfSpool(setup) };
  setup.host.recordEvidence(setup.snapshotter, evidence);
  await setup.host.sign(setup.snapshotter);
  setup.snapshotter.commit(setup.host.last, { primary: true });
  expect((await generation.ended).outcome).toBe('committed');
});

test('an identity of another kind is refused before anything is started', async () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await expect(setUp({ identity: publicKey })).rejects.toThrow(/P-256 or P-384/);
});

test('a listener that calls back from its event is not inside a step', async () => {
  const setup = await setUp();
  const ends: string[] = [];
  setup.snapshotter.subscribe((event) => {
    ends.push(event.type);
    setup.snapshotter.force();
  });
  await untilCommitted(setup);
  await turns();
  expect(ends.slice(0, 2)).toEqual(['point.ended', 'generation.started']);
  // Forced from the listener: the signature that proves the first snapshot became a point itself.
  expect(ends.filter((type) => type === 'generation.started')).toHaveLength(2);
});

test('SCH-2 options out of range are refused', async () => {
  await expect(setUp({ capacity: 0 })).rejects.toThrow(/capacity must be an integer of 1/);
});
