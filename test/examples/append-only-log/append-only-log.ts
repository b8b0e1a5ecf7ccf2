/**
 * # Snapshots of a log of one's own
 *
 * A log with a format of its own (a file of JSON lines) and a store of its own (a Map, versioned its own way)
 * that embeds `createSnapshotter`, and gets snapshots that anyone can verify who has the service's public key.
 *
 *     npx vitest run test/examples/append-only-log.test.ts
 *
 * What a host gives, and where that is here:
 *
 * - a state that stands still while it is read: `versioned-map.ts`, `freeze`
 * - entries, each a leaf of a Merkle tree as CCF has it: `entry.ts`, `proofOf`
 * - a signature over the tree's root, now and then: `log.ts`, `#sign`
 * - a place in the log for a snapshot's digest: `log.ts`, `submitEvidence`
 * - word of each of these, of commits and of rollbacks: `log.ts`
 *
 * To start from a snapshot is the host's own: `log-state.ts`, `restore`, with the lines after it.
 *
 * It is a log of one: what is signed and on disk is committed. A replicated one calls `commit` when its quorum
 * says so, and `rollback` when it loses an election. Each line is synced by itself; a busy log syncs many at once.
 *
 * In a project of your own the imports from src/index.ts are from 'ledger-snapshotter', those from
 * src/host-formats.ts from 'ledger-snapshotter/formats'.
 */

import { createPublicKey } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { createSnapshotter, type Snapshotter, seqno as toSeqno } from '../../../src/index.ts';
import { parseLog } from './entry.ts';
import { AppendOnlyLog, type LogOptions } from './log.ts';
import { newestSnapshot, restore } from './log-state.ts';

/** Opens a log, or begins one. */
export async function openLog(options: LogOptions): Promise<AppendOnlyLog> {
  const { directory, serviceKey, secret, snapshotTxInterval } = options;
  const snapshots = join(directory, 'snapshots');
  await mkdir(snapshots, { recursive: true });
  const identity = createPublicKey(serviceKey);
  const file = await open(join(directory, 'log.jsonl'), 'a+');
  let snapshotter: Snapshotter | undefined;
  try {
    const bytes = await file.readFile();
    const { lines, view, length } = parseLog(bytes);
    const snapshot = await newestSnapshot(snapshots, { services: [identity] });
    const state = await restore(lines, snapshot, options);
    snapshotter = await createSnapshotter({
      directory: snapshots,
      source: { freeze: () => state.freeze() },
      evidence: { submit: (evidence, { signal }) => log.submitEvidence(evidence, signal) },
      secrets: { at: () => secret },
      identity,
      txInterval: snapshotTxInterval,
      resumeAt: { committed: state.committed, lastSnapshot: snapshot?.seqno ?? toSeqno(0) },
    });
    // From here on the directory is ours alone: the snapshotter holds its lock.
    if ((await file.stat()).size !== bytes.length)
      throw new Error('another process wrote meanwhile');
    // What a crash has left of a line was never promised to anybody.
    await file.truncate(length);
    await syncDirectory(directory);
    const log = new AppendOnlyLog({ ...options, file, state, snapshotter, view });
    return log;
  } catch (error) {
    await snapshotter?.close();
    await file.close();
    throw error;
  }
}

/** A file's name is on disk once its directory is. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
