import { createPublicKey } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Digest, Seqno } from '../../src/core/words.ts';
import { seqno as toSeqno } from '../../src/core/words.ts';
import { verifySnapshotFile } from '../../src/formats/snapshot/verify-snapshot.ts';
import { createSnapshotter } from '../../src/snapshotter/create-snapshotter.ts';
import { LogHost } from '../helpers/log-host.ts';
import type { Soaked, Tenths } from './soaked.ts';

/**
 * Generations one after another on the real disk, with worker threads, P-384 and the cross-check by cose-js. Each
 * file is verified and removed.
 */
export async function soakReal(generations: number, tenths: Tenths): Promise<Soaked> {
  const directory = await mkdtemp(join(tmpdir(), 'soak-'));
  const host = new LogHost();
  const controller = new AbortController();
  const outcomes: Record<string, number> = {};
  const submitted: { snapshotSeqno: Seqno; digest: Digest }[] = [];
  const snapshotter = await createSnapshotter({
    directory,
    source: host,
    evidence: {
      submit: async (evidence) => {
        submitted.push(evidence);
        return { seqno: toSeqno(host.last + 1) };
      },
    },
    secrets: { at: () => host.secret },
    identity: createPublicKey(host.key),
    txInterval: 3,
    signal: controller.signal,
  });
  for (let started = 1; started <= generations; started++) {
    host.write('key', `value ${started}`);
    host.write(`key ${started % 10}`, `value ${started}`);
    await host.sign(snapshotter);
    snapshotter.commit(host.last, { primary: true });
    const [generation] = snapshotter.live;
    if (generation === undefined) throw new Error(`no generation started at ${host.last}`);
    while (submitted.length === 0) await new Promise((resolve) => setImmediate(resolve));
    for (const evidence of submitted.splice(0)) host.recordEvidence(snapshotter, evidence);
    await host.sign(snapshotter);
    snapshotter.commit(host.last, { primary: true });
    const { outcome, file } = await generation.ended;
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    if (file !== undefined) await verifyAndRemove(join(directory, file), host);
    if (started >= (generations * tenths.taken) / 10) await tenths.sample();
  }
  await snapshotter.close();
  const left = readdirSync(directory);
  await rm(directory, { recursive: true });
  return {
    generations,
    outcomes,
    taken: host.frozen,
    released: host.released,
    slots: snapshotter.live.length,
    handles: 0,
    spools: left.length,
    signal: controller.signal,
  };
}

async function verifyAndRemove(path: string, host: LogHost): Promise<void> {
  const trustedKeys = [createPublicKey(host.key)];
  await verifySnapshotFile(new Uint8Array(readFileSync(path)), { trustedKeys });
  rmSync(path);
}
