import { createHash } from 'node:crypto';
import { toHex } from '../core/bytes.ts';
import { digest, view } from '../core/words.ts';
import { envelopeHeadBytes } from '../formats/entries/entry.ts';
import { EntrySealer } from '../formats/entries/entry-sealer.ts';
import type { FileSystem } from '../io/file-system.ts';
import type { JobExecutor } from '../tasks/job.ts';
import { ChunkWrites } from './chunk-writes.ts';
import type { SerialisedState } from './copied.ts';
import { SerialiseProgress } from './progress.ts';
import { RingConsumer, RingMemory, type RingPlace, RingProducer } from './ring.ts';
import { SharedBody, type SharedStateToSerialise } from './shared-body.ts';

export interface SerialiseSharedJob {
  readonly state: SharedStateToSerialise;
  /** Ledger secret in force at the snapshot's seqno, 32 bytes. */
  readonly secret: Uint8Array;
  /** Where the entry is written; the file exists already. */
  readonly spool: string;
  /** See {@link SerialiseProgress}. */
  readonly progress: Int32Array<SharedArrayBuffer>;
}

export interface GatherJob {
  readonly state: SharedStateToSerialise;
  readonly ring: RingPlace;
}

/** What a {@link SharedSerialiser} asks of another thread. */
export interface GatherJobs {
  gather: { input: GatherJob; output: undefined };
}

/** What a {@link SharedSerialiser} works with. */
export interface SharedSerialiserOptions {
  readonly fileSystem: FileSystem;
  /** Starts another thread, for states that are large. @default every state is taken into memory whole */
  readonly startGatherer?: (() => JobExecutor<GatherJobs>) | undefined;
}

/** Up to here an entry is taken into memory whole, where a second thread would cost more than it brings. */
const wholeBytesMax = 4 * 1024 * 1024;

/** Of an entry of so many bytes or more, chunks are of the larger size. */
const largeBytes = 128 * 1024 * 1024;
const smallChunkBytes = 2 * 1024 * 1024;
const largeChunkBytes = 4 * 1024 * 1024;

/** Serialises states straight from the memory that they lie in. */
export class SharedSerialiser {
  readonly #options: SharedSerialiserOptions;
  readonly #memory = new RingMemory();
  #gatherer: JobExecutor<GatherJobs> | undefined;

  constructor(options: SharedSerialiserOptions) {
    this.#options = options;
  }

  async serialise(job: SerialiseSharedJob, signal: AbortSignal): Promise<SerialisedState> {
    const body = new SharedBody(job.state);
    const { startGatherer } = this.#options;
    if (body.entryBytes <= wholeBytesMax || startGatherer === undefined) {
      return this.#whole(job, body);
    }
    this.#gatherer ??= startGatherer();
    const place = this.#memory.ring(
      body.entryBytes < largeBytes ? smallChunkBytes : largeChunkBytes,
    );
    const ring = new RingConsumer(place);
    let failure: { readonly error: unknown } | undefined;
    const gathering = this.#gatherer.run('gather', { state: job.state, ring: place }).then(
      () => {},
      (error: unknown) => {
        failure = { error };
      },
    );
    const check = () => {
      if (failure !== undefined) throw failure.error;
      signal.throwIfAborted();
    };
    try {
      return await this.#throughRing(job, body, { ring, chunkBytes: place.chunkBytes, check });
    } finally {
      // The state is released after this, and the ring used again: nobody may be at either.
      ring.stop();
      await gathering;
    }
  }

  async #whole(job: SerialiseSharedJob, body: SharedBody): Promise<SerialisedState> {
    const entry = new Uint8Array(body.entryBytes);
    const plain = entry.subarray(envelopeHeadBytes);
    body.read().fill(plain);
    const sealer = sealerOf(job, body);
    sealer.seal(plain);
    entry.set(sealer.head());
    const handle = await this.#options.fileSystem.open(job.spool, { for: 'fill' });
    try {
      await handle.write(entry, 0);
    } finally {
      await handle.close();
    }
    return resultOf(createHash('sha256').update(entry).digest(), entry.length);
  }

  async #throughRing(
    job: SerialiseSharedJob,
    body: SharedBody,
    source: Source,
  ): Promise<SerialisedState> {
    const { fileSystem } = this.#options;
    const handle = await fileSystem.open(job.spool, { for: 'fill', direct: true });
    const writes = new ChunkWrites(handle, source.chunkBytes, source.ring);
    try {
      // So that no write makes the file longer: those wait for each other.
      await handle.truncate(body.entryBytes);
      const hash = await twice(job, body, { ...source, writes });
      await writes.settle();
      return resultOf(hash, body.entryBytes);
    } finally {
      await writes.end();
      await handle.close();
    }
  }
}

/** Where chunks come from. */
interface Source {
  readonly ring: RingConsumer;
  readonly chunkBytes: number;
  /** Throws when there will be no more of them. */
  readonly check: () => void;
}

/**
 * All chunks twice: the tag stands before the bytes that it covers, and the digest covers it. Whatever the disk
 * takes during the first round need not be written in the second.
 */
async function twice(
  job: SerialiseSharedJob,
  body: SharedBody,
  { ring, chunkBytes, check, writes }: Source & { readonly writes: ChunkWrites },
): Promise<Uint8Array> {
  const sealer = sealerOf(job, body);
  const chunks = Math.ceil(body.entryBytes / chunkBytes);
  const bytesOf = (n: number) => Math.min(chunkBytes, body.entryBytes - n * chunkBytes);
  const plainOf = (chunk: Uint8Array, n: number) =>
    n === 0 ? chunk.subarray(envelopeHeadBytes) : chunk;
  const progress = new SerialiseProgress(job.progress);
  progress.begin(2 * chunks);
  for (let n = 0; n < chunks; n++) {
    const chunk = (await ring.next(check)).subarray(0, bytesOf(n));
    sealer.seal(plainOf(chunk, n));
    // The first one waits for its head.
    if (n > 0 && writes.isIdle) writes.start(n, chunk);
    await writes.done();
    progress.step();
  }
  const head = sealer.head();
  const hash = createHash('sha256');
  for (let n = 0; n < chunks; n++) {
    const chunk = (await ring.next(check)).subarray(0, bytesOf(n));
    sealer.encryptAgain(plainOf(chunk, n));
    if (n === 0) chunk.set(head);
    if (!writes.isStarted(n)) {
      await writes.room();
      writes.start(n, chunk);
    }
    hash.update(chunk);
    await writes.done();
    progress.step();
  }
  return hash.digest();
}

function sealerOf({ state, secret }: SerialiseSharedJob, { layout }: SharedBody): EntrySealer {
  const { publicBytes, privateBytes } = layout;
  const place = { seqno: state.seqno, view: view(0), isSnapshot: true };
  return new EntrySealer({ secret, ...place, publicBytes, privateBytes });
}

function resultOf(hash: Uint8Array, bytes: number): SerialisedState {
  return { digest: digest(toHex(hash)), bytes, profile: '3+' };
}

/**
 * Gathers a state into a ring, twice over, until nobody wants more. It blocks its thread, and hears no signal: who
 * takes the chunks stops it.
 */
export function gatherIntoRing({ state, ring }: GatherJob): void {
  const producer = new RingProducer(ring);
  const body = new SharedBody(state);
  for (let round = 0; round < 2; round++) {
    const reader = body.read();
    for (let at = 0; at < body.entryBytes; at += ring.chunkBytes) {
      const slot = producer.next();
      if (slot === undefined) return;
      reader.fill(at === 0 ? slot.subarray(envelopeHeadBytes) : slot);
      producer.filled();
    }
  }
}
