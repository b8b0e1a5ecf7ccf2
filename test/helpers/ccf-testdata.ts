import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import {
  type Chunk,
  type ChunkName,
  decodeChunk,
  parseChunkName,
} from '../../src/formats/entries/ledger-chunk.ts';
import { ccfTestdata } from './ccf-folder.ts';

/** Vitest's `test`, reported as skipped by name where there is no real data. */
export const testOnCcfData: ReturnType<typeof test.runIf> = test.runIf(ccfTestdata !== undefined);

/** Services in the real data. */
export const ccfServices = [
  'cose_flipflop_service',
  'double_sealed_service',
  'eol_service',
] as const;
export type CcfService = (typeof ccfServices)[number];

/** Reads a file of the real data, by its path below the folder. */
export function readCcfFile(...path: string[]): Uint8Array {
  if (ccfTestdata === undefined) throw new Error('no CCF test data: use testOnCcfData');
  return new Uint8Array(readFileSync(join(ccfTestdata, ...path)));
}

export interface CcfChunk extends Chunk {
  readonly file: string;
  readonly name: ChunkName;
  readonly fileBytes: Uint8Array;
}

/** Reads and decodes a service's chunks, in ledger order. */
export function readCcfLedger(service: CcfService): readonly CcfChunk[] {
  const named = readdirSync(join(ccfTestdata ?? '', service, 'ledger')).flatMap((file) => {
    const name = parseChunkName(file);
    return name === undefined ? [] : [{ file, name }];
  });
  named.sort((a, b) => a.name.first - b.name.first);
  return named.map(({ file, name }, i) => {
    const fileBytes = readCcfFile(service, 'ledger', file);
    const isLastChunk = i === named.length - 1;
    return { file, name, fileBytes, ...decodeChunk(fileBytes, { file, ...name, isLastChunk }) };
  });
}
