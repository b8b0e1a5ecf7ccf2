import { join } from 'node:path';
import { serialize } from 'node:v8';
import { d1m, ShapedData } from '../data.ts';
import { loadPeer } from '../peer-programs.ts';
import { answerAsks } from './answer-asks.ts';
import { measurePeer, type PeerInput, writeDurably } from './peer-cost.ts';

/** What one would write in an afternoon: the state in a Map of strings, made into bytes on the main thread. */

interface Packer {
  pack(value: unknown): Uint8Array;
}

interface Encoder {
  encode(value: unknown): Uint8Array;
}

const state = new Map<string, string>();
let directory = '';
const packages: { msgpackr?: Packer | undefined; cborx?: Encoder | undefined } = {};

function prepare(input: PeerInput): { readonly isThere: boolean } & Record<string, boolean> {
  directory = input.directory;
  const data = new ShapedData({ ...d1m, entries: input.entries });
  for (let i = 0; i < input.entries; i++) {
    state.set(data.keyTextOf(i), Buffer.from(data.valueOf(i)).toString('latin1'));
  }
  packages.msgpackr = loadPeer('msgpackr') as Packer | undefined;
  packages.cborx = loadPeer('cbor-x') as Encoder | undefined;
  return {
    isThere: true,
    msgpackr: packages.msgpackr !== undefined,
    cborx: packages.cborx !== undefined,
  };
}

const written = (encode: () => Uint8Array | undefined) => () => {
  const path = join(directory, 'naive.bin');
  return measurePeer([path], () => {
    const bytes = encode();
    if (bytes === undefined) throw new Error('its package is not there');
    writeDurably(path, bytes);
  });
};

answerAsks({
  prepare,
  v8: written(() => serialize(state)),
  json: written(() => Buffer.from(JSON.stringify([...state]))),
  msgpackr: written(() => packages.msgpackr?.pack(state)),
  cborx: written(() => packages.cborx?.encode(state)),
});
