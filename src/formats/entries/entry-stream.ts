import { decodeEnvelopeHead, envelopeHeadBytes, type ReadEnvelopeHead } from './entry.ts';

/** Takes the parts of an entry in their order, in pieces of any size. */
export interface EntrySink {
  begin(head: ReadEnvelopeHead): void;
  publicDomain(bytes: Uint8Array): void;
  privateDomain(bytes: Uint8Array): void;
}

/** Takes exactly one entry apart as its bytes come. Nothing is authenticated. */
export class EntryStream {
  readonly #bytes: number;
  readonly #sink: EntrySink;
  readonly #begun: Uint8Array;
  #length = 0;
  #publicLeft = 0;

  /** @param bytes of the whole entry, as its header declares them */
  constructor(bytes: number, sink: EntrySink) {
    this.#bytes = bytes;
    this.#sink = sink;
    this.#begun = new Uint8Array(Math.min(bytes, envelopeHeadBytes));
  }

  /** @throws FormatError as `decodeEnvelope`, and what the sink throws */
  take(bytes: Uint8Array): void {
    const rest = this.#length < this.#begun.length ? this.#begin(bytes) : bytes;
    const inPublic = rest.subarray(0, this.#publicLeft);
    this.#publicLeft -= inPublic.length;
    if (inPublic.length > 0) this.#sink.publicDomain(inPublic);
    if (rest.length > inPublic.length) this.#sink.privateDomain(rest.subarray(inPublic.length));
  }

  #begin(bytes: Uint8Array): Uint8Array {
    const piece = bytes.subarray(0, this.#begun.length - this.#length);
    this.#begun.set(piece, this.#length);
    this.#length += piece.length;
    if (this.#length === this.#begun.length) {
      const head = decodeEnvelopeHead(this.#begun, this.#bytes);
      this.#publicLeft = head.publicBytes;
      this.#sink.begin(head);
    }
    return bytes.subarray(piece.length);
  }
}
