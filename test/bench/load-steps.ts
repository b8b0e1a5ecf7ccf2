import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { ByteWriter, toUtf8 } from '../../src/core/bytes.ts';
import { seqno, view } from '../../src/core/words.ts';
import { environmentOf } from '../../src/engine/environment.ts';
import type { LoadedSnapshot } from '../../src/engine/snapshot-loading.ts';
import { sealEntry } from '../../src/formats/entry.ts';
import { sha256 } from '../../src/formats/sha256.ts';
import { encodeSnapshotPublicDomain } from '../../src/formats/snapshot-body.ts';
import { verifySnapshotReceipt } from '../../src/formats/verify-snapshot.ts';
import type { MapWrites } from '../../src/formats/write-set.ts';
import { pieceBytes } from '../../src/io/read-pieces.ts';
import { realFileSystem } from '../../src/io/real-file-system.ts';
import { makeTemporaryDirectory } from '../../src/io/temporary-directory.ts';
import { BodyGather } from '../../src/store/gather.ts';
import { openShared } from '../../src/store/shared-descriptor.ts';
import { SharedStore } from '../../src/store/shared-store.ts';
import { makeCoseReceipt, makeService } from '../formats/make-snapshot-file.ts';
import { rounded } from './bench.ts';

/** `node dist/test/bench/load-steps.js SHAPE` measures one shape of data; prints its figures as JSON. */
export interface LoadShape {
  readonly entries: number;
  readonly valueBytes: number;
  readonly maps: number;
  readonly isPrivate: boolean;
}

/** Milliseconds by the wall: ours, and those of reading the file into one warm buffer and digesting it there. */
export interface LoadRound {
  readonly ratio: number;
  readonly ms: number;
  readonly floorMs: number;
}

export interface LoadFigures {
  readonly rounds: readonly LoadRound[];
  readonly fileBytes: number;
}

const roundCount = 7;
const perTransaction = 1000;
const snapshot = { seqno: seqno(10), view: view(0), isSnapshot: true } as const;
const secret = new Uint8Array(32).fill(9);

/** The store's own bytes: to encode as many records one by one would take longer than all rounds. */
function bodiesOf({ entries, valueBytes, maps, isPrivate }: LoadShape): Uint8Array {
  const store = new SharedStore(seqno(0), []);
  const values = new Uint8Array(2 ** 20 + valueBytes).map(
    (_, i) => Math.imul(i, 0x9e3779b1) >>> 24,
  );
  const prefix = isPrivate ? '' : 'public:';
  const names = Array.from(
    { length: maps },
    (_, i) => `${prefix}map ${String(i).padStart(4, '0')}`,
  );
  for (let from = 0, turn = 0; from < entries; from += perTransaction, turn++) {
    const writes = Array.from({ length: Math.min(perTransaction, entries - from) }, (_, i) => ({
      key: toUtf8(`key:${String(from + i).padStart(20, '0')}`),
      value: values.subarray((from + i) % 2 ** 20, ((from + i) % 2 ** 20) + valueBytes),
    }));
    const map: MapWrites = { name: names[turn % maps] ?? '', writes, removes: [] };
    store.apply(seqno(store.seqno + 1), [map]);
    store.compact(store.seqno);
  }
  const state = openShared(store.freeze().share());
  const writer = new ByteWriter();
  for (const table of state.tables.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const body = new Uint8Array(table.live.bodyBytes);
    new BodyGather(state, table.live).fill(body);
    writer.text(table.name).u64(table.version).blob(body);
  }
  return writer.finish();
}

async function writeSnapshot(path: string, shape: LoadShape): Promise<number> {
  const bodies = bodiesOf(shape);
  const head = encodeSnapshotPublicDomain({
    ...{ seqno: snapshot.seqno, maxConflictVersion: 0, leaf: new Uint8Array(32) },
    ...{ viewHistory: [1], publicMaps: [] },
  });
  const nothing = new Uint8Array(0);
  const entry = sealEntry({
    ...{ ...snapshot, secret },
    publicDomain: shape.isPrivate ? head : new ByteWriter().raw(head).raw(bodies).finish(),
    privatePlain: shape.isPrivate ? bodies : nothing,
  });
  const receipt = await makeCoseReceipt(service, sha256(entry));
  const handle = await realFileSystem.open(path, { for: 'create' });
  await handle.write(entry, 0);
  await handle.write(receipt, entry.length);
  await handle.sync();
  await handle.close();
  return entry.length + receipt.length;
}

const service = makeService('bench');

/** As a recovery does it, on a worker thread; the receipt under a pinned identity, here. */
async function restore(path: string, shape: LoadShape, workers: Workers): Promise<void> {
  const job = { path, store: {}, spare: [] };
  const loaded = await workers.run('loadSnapshot', job);
  await verifySnapshotReceipt(loaded.receipt, subjectOf(loaded), {
    trustedKeys: [service.serviceCertificate],
  });
  const { state, bytes } = loaded;
  if (state === undefined) throw new Error(`not loaded: ${loaded.flaw?.message}`);
  const built = await workers.run('openSnapshot', { path, store: {}, bytes, state, secret });
  const store = SharedStore.adopt(built);
  let records = 0;
  for (const { live } of store.tables.values()) records += live.size;
  if (records !== shape.entries) throw new Error(`${records} records of ${shape.entries}`);
}

type Workers = ReturnType<ReturnType<typeof environmentOf>['startExecutor']>;

function subjectOf({ digest, bytes, state, flaw }: LoadedSnapshot) {
  return {
    digest,
    bytes,
    content: () => {
      if (state === undefined) throw new Error(`not loaded: ${flaw?.message}`);
      return { ...state.content, privateMaps: [] };
    },
  };
}

/** One piece after the other, in a buffer that stays. */
async function readAndDigest(path: string, fileBytes: number): Promise<void> {
  const handle = await realFileSystem.open(path, { for: 'read' });
  const hash = createHash('sha256');
  for (let at = 0; at < fileBytes; at += warm.length) {
    const piece = warm.subarray(0, fileBytes - at);
    await handle.readInto?.(piece, at);
    hash.update(piece);
  }
  hash.digest();
  await handle.close();
}

const warm = new Uint8Array(pieceBytes);

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function measure(shape: LoadShape): Promise<LoadFigures> {
  const directory = await makeTemporaryDirectory('load-bench-');
  const workers = environmentOf().startExecutor();
  try {
    const path = join(directory.path, 'snapshot');
    const fileBytes = await writeSnapshot(path, shape);
    const rounds: LoadRound[] = [];
    await restore(path, shape, workers);
    for (let round = 0; round < roundCount; round++) {
      const floor = await timed(() => readAndDigest(path, fileBytes));
      const ours = await timed(() => restore(path, shape, workers));
      const [ms, floorMs] = [rounded(ours, 0), rounded(floor, 0)];
      rounds.push({ ratio: rounded(ours / floor, 3), ms, floorMs });
    }
    return { rounds, fileBytes };
  } finally {
    await workers.close();
    await directory.remove();
  }
}

const shape = JSON.parse(process.argv[2] ?? '{}') as LoadShape;
console.log(JSON.stringify(await measure(shape)));
