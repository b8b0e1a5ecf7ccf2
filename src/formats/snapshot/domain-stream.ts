import { ByteReader, roughU64 } from '../../core/bytes.ts';
import { assert, FormatError } from '../../core/errors.ts';
import { entryBytesMax } from '../../core/limits.ts';
import { sha256Bytes } from '../encoding/sha256.ts';
import { type Domain, readMapName } from '../entries/map-name.ts';
import { decodeSnapshotPublicDomain } from './snapshot-body.ts';
import { type SnapshotHead, snapshotHeadFixedBytes } from './snapshot-layout.ts';

/** One map of a snapshot, as its header has it. */
export interface MapHeader {
  readonly name: string;
  readonly version: number;
  readonly bodyBytes: number;
  /** Byte of the domain where the body begins, for the words of errors. */
  readonly offset: number;
}

/** Takes the maps of a domain: for each one its header, its body in pieces of any size, and its end. */
export interface MapSink {
  begin(map: MapHeader): void;
  take(bytes: Uint8Array): void;
  end(): void;
}

export interface DomainStreamOptions {
  readonly domain: Domain;
  /** Length of the domain. */
  readonly bytes: number;
  readonly sink: MapSink;
}

/** A map's version and the length of its body. */
const mapTailBytes = 16;

/** Longest view history, and name of a map: no ledger entry could hold a longer name. */
const headBytesMax = entryBytesMax;

/**
 * Takes a snapshot's domain apart as its bytes come, so that nothing of it but a map's header ever waits in memory. What
 * is wrong with records is for the sink to find; all else is found as `decodeSnapshot` finds it.
 */
export class DomainStream {
  readonly #domain: Domain;
  readonly #bytes: number;
  readonly #sink: MapSink;
  #head: SnapshotHead | undefined;
  #previous: Uint8Array | undefined;
  /** Bytes of the domain that have been taken. */
  #taken = 0;
  #bodyLeft = 0;
  /** What was gathered of a header, how much, and where it begins in the domain. */
  #gathered = new Uint8Array(256);
  #length = 0;
  #from = 0;
  #needed = 0;

  constructor({ domain, bytes, sink }: DomainStreamOptions) {
    this.#domain = domain;
    this.#bytes = bytes;
    this.#sink = sink;
    this.#need(domain === 'public' ? snapshotHeadFixedBytes : 8);
    // An empty public domain is none; an empty private one is usual.
    if (bytes === 0 && domain === 'public') decodeSnapshotPublicDomain(new Uint8Array(0));
  }

  /** Of the public domain; there once all was taken. */
  get head(): SnapshotHead {
    assert(this.#head !== undefined, 'a public domain that was taken had a head');
    return this.#head;
  }

  /**
   * Takes the next bytes, never more than the domain has.
   * @throws FormatError as `decodeSnapshot`, `TOO_LARGE` for a name or view history of more than 64 MiB
   */
  take(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      const rest = bytes.subarray(from);
      const size = this.#bodyLeft > 0 ? this.#takeBody(rest) : this.#gather(rest);
      from += size;
      this.#taken += size;
      if (this.#bodyLeft > 0) continue;
      // Behind a body there may be less than a header.
      if (this.#length === 0) this.#need(8);
      else if (this.#length === this.#needed) this.#read();
    }
  }

  #takeBody(bytes: Uint8Array): number {
    const piece = bytes.subarray(0, this.#bodyLeft);
    this.#sink.take(piece);
    this.#bodyLeft -= piece.length;
    if (this.#bodyLeft === 0) this.#sink.end();
    return piece.length;
  }

  #gather(bytes: Uint8Array): number {
    if (this.#length === 0) this.#from = this.#taken;
    const piece = bytes.subarray(0, this.#needed - this.#length);
    const length = this.#length + piece.length;
    if (length > this.#gathered.length) {
      const grown = new Uint8Array(Math.max(length, Math.min(this.#needed, 2 * length)));
      grown.set(this.#gathered.subarray(0, this.#length));
      this.#gathered = grown;
    }
    this.#gathered.set(piece, this.#length);
    this.#length = length;
    return piece.length;
  }

  /** Waits for so many bytes from where the header begins, or for the domain's end. */
  #need(bytes: number): void {
    const from = this.#length === 0 ? this.#taken : this.#from;
    this.#needed = Math.min(bytes, this.#bytes - from);
  }

  #read(): void {
    const header = this.#gathered.subarray(0, this.#length);
    const isHead = this.#domain === 'public' && this.#head === undefined;
    const isWhole = isHead ? this.#readHead(header) : this.#readMap(header);
    if (!isWhole) return;
    this.#length = 0;
    this.#need(8);
  }

  #readHead(header: Uint8Array): boolean {
    const left = this.#bytes - header.length;
    if (header.length < snapshotHeadFixedBytes) this.#refuseHead(header);
    const history = roughU64(header, snapshotHeadFixedBytes - 8);
    const isPlain = roughU64(header, 17) === sha256Bytes && history % 8 === 0;
    if (header.length === snapshotHeadFixedBytes && history > 0) {
      if (!isPlain || history > left) this.#refuseHead(header);
      if (history > headBytesMax) throw tooLarge('view history', history);
      this.#need(snapshotHeadFixedBytes + history);
      return false;
    }
    if (!isPlain) this.#refuseHead(header);
    const { publicMaps, ...head } = decodeSnapshotPublicDomain(header.slice());
    this.#head = head;
    return true;
  }

  /** Throws what is wrong with a head of which only the beginning is there. */
  #refuseHead(header: Uint8Array): never {
    try {
      decodeSnapshotPublicDomain(header);
    } catch (error) {
      const isCut = error instanceof FormatError && error.code === 'LENGTH_EXCEEDS_PARENT';
      const { offset = 0, actual = 0 } = isCut ? error : {};
      // The rest was not there for it; of what the domain itself is too short for, it is right.
      if (!isCut || Number(actual) > this.#bytes - offset - 8) throw error;
      throw new FormatError('BAD_LENGTH', `a head's field of ${actual} bytes`, { offset, actual });
    }
    throw new FormatError('BAD_LENGTH', 'a head whose view history is not of views');
  }

  #readMap(header: Uint8Array): boolean {
    const reader = new ByteReader(header);
    const left = this.#bytes - this.#from;
    if (header.length < 8) reader.blob('map name');
    const nameEnd = 8 + roughU64(header, 0);
    if (nameEnd > left) reader.blob('map name');
    if (nameEnd > headBytesMax) throw tooLarge('map name', nameEnd - 8);
    if (header.length < Math.min(left, nameEnd + mapTailBytes)) {
      this.#need(nameEnd + mapTailBytes);
      return false;
    }
    const { name, bytes } = readMapName(reader, this.#domain, this.#previous);
    this.#previous = bytes.slice();
    const version = reader.u64('map version');
    const offset = this.#from + header.length;
    const bodyBytes = reader.remaining < 8 ? 0 : roughU64(header, reader.offset);
    // Says what is wrong with a length that the domain cannot hold.
    if (reader.remaining < 8 || bodyBytes > this.#bytes - offset) reader.blob('records of a map');
    this.#sink.begin({ name, version, bodyBytes, offset });
    this.#bodyLeft = bodyBytes;
    if (bodyBytes === 0) this.#sink.end();
    return true;
  }
}

function tooLarge(what: string, actual: number): FormatError {
  return new FormatError('TOO_LARGE', `a ${what} of ${actual} bytes`, {
    actual,
    expected: headBytesMax,
  });
}
