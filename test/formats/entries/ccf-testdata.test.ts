import { beforeAll, describe, expect } from 'vitest';
import { equalBytes, fromUtf8, toHex } from '../../../src/core/bytes.ts';
import { sha256 } from '../../../src/formats/encoding/sha256.ts';
import { decodeEnvelope, encodeEnvelope } from '../../../src/formats/entries/entry.ts';
import { chunkName, encodeChunk } from '../../../src/formats/entries/ledger-chunk.ts';
import {
  decodePublicDomain,
  encodePublicDomain,
  entryLeaf,
  mapWrites,
  type PublicDomain,
  singletonValue,
} from '../../../src/formats/entries/write-set.ts';
import { MerkleTree } from '../../../src/formats/merkle/merkle-tree.ts';
import { sipHash24Low32 } from '../../../src/formats/snapshot/key-order.ts';
import {
  decodeSnapshot,
  encodeSnapshotPublicDomain,
  splitSnapshotFile,
} from '../../../src/formats/snapshot/snapshot-body.ts';
import { ccfTestdata } from '../../helpers/ccf-folder.ts';
import {
  type CcfChunk,
  ccfServices,
  readCcfFile,
  readCcfLedger,
  testOnCcfData,
} from '../../helpers/ccf-testdata.ts';

interface RealEntry {
  readonly seqno: number;
  readonly bytes: Uint8Array;
  readonly domain: PublicDomain;
}

const chunks: CcfChunk[] = [];
const ledgers: (readonly RealEntry[])[] = [];

beforeAll(() => {
  if (ccfTestdata === undefined) return;
  for (const service of ccfServices) {
    const read = readCcfLedger(service);
    chunks.push(...read);
    ledgers.push(
      read.flatMap(({ entries }) =>
        entries.map(({ seqno, bytes }) => {
          const domain = decodePublicDomain(decodeEnvelope(bytes).publicDomain);
          return { seqno, bytes, domain };
        }),
      ),
    );
  }
});

function count<T>(items: readonly T[], holds: (item: T) => boolean): number {
  return items.filter(holds).length;
}

/** The value an entry writes to a table of one value. */
function tableValue({ domain }: RealEntry, table: string): Uint8Array | undefined {
  const map = mapWrites(domain, `public:ccf.internal.${table}`);
  return map && singletonValue(map);
}

describe("CCF's own ledgers", () => {
  testOnCcfData('decodeChunk() reads all 84 chunks, 82 of them with a table', () => {
    expect(chunks).toHaveLength(84);
    expect(count(chunks, ({ complete }) => complete)).toBe(82);
    expect(count(chunks, ({ tornBytes }) => tornBytes > 0)).toBe(0);
  });

  testOnCcfData('encodeChunk() and chunkName() write all 84 chunks byte for byte', () => {
    const equal = chunks.map(({ file, name, entries, complete, fileBytes }) => {
      const written = encodeChunk(
        entries.map(({ bytes }) => bytes),
        { complete },
      );
      const named = chunkName(name.first, name.last, name.committed);
      return named === file && equalBytes(written, fileBytes);
    });
    expect(count(equal, Boolean)).toBe(84);
  });

  testOnCcfData('encodeEnvelope() and encodePublicDomain() write all 1055 entries again', () => {
    const equal = ledgers.flat().map(({ bytes, domain }) => {
      const envelope = decodeEnvelope(bytes);
      const publicDomain = encodePublicDomain(domain);
      return equalBytes(encodeEnvelope({ ...envelope, publicDomain }), bytes);
    });
    expect(equal).toHaveLength(1055);
    expect(count(equal, Boolean)).toBe(1055);
  });

  testOnCcfData(
    'decodePublicDomain() finds 35 entries of CCF 1.x, and the IV’s seqno in each',
    () => {
      const entries = ledgers.flat();
      expect(count(entries, ({ domain }) => domain.type === 0)).toBe(35);
      expect(count(entries, ({ domain }) => domain.type === 4)).toBe(1020);
      expect(count(entries, ({ domain }) => domain.maxConflictVersion > 0)).toBe(34);
      expect(count(entries, ({ seqno, domain }) => domain.seqno === seqno)).toBe(1055);
    },
  );

  testOnCcfData('MerkleTree gives all 264 signed roots and tree tables, from entries alone', () => {
    const seen = { roots: 0, rootsEqual: 0, preimages: 0, trees: 0, treesEqual: 0, restored: 0 };
    for (const ledger of ledgers) {
      const tree = MerkleTree.genesis();
      for (const entry of ledger) {
        const signature = tableValue(entry, 'signatures');
        if (signature !== undefined) {
          const { root } = JSON.parse(fromUtf8(signature)) as { readonly root: string };
          seen.roots++;
          if (root === toHex(tree.root())) seen.rootsEqual++;
          if (root === toHex(sha256(tree.rootPreimage()))) seen.preimages++;
        }
        const table = tableValue(entry, 'tree');
        if (table !== undefined) {
          const read = MerkleTree.deserialise(table);
          const flushed = read.firstLeaf;
          seen.trees++;
          if (equalBytes(tree.serialise({ flushed }), table)) seen.treesEqual++;
          if (equalBytes(read.root(), tree.root())) seen.restored++;
        }
        tree.append(entryLeaf(entry.bytes, entry.domain));
      }
    }
    expect(seen).toEqual({
      roots: 264,
      rootsEqual: 264,
      preimages: 264,
      trees: 264,
      treesEqual: 264,
      restored: 264,
    });
  });

  testOnCcfData('MerkleTree restored from the first tree table gives every later root', () => {
    const later = ledgers.map((ledger) => {
      let tree: MerkleTree | undefined;
      let roots = 0;
      for (const entry of ledger) {
        const table = tableValue(entry, 'tree');
        if (table !== undefined) tree ??= MerkleTree.deserialise(table);
        if (table !== undefined && tree) {
          if (equalBytes(MerkleTree.deserialise(table).root(), tree.root())) roots++;
        }
        tree?.append(entryLeaf(entry.bytes, entry.domain));
      }
      return roots;
    });
    expect(later).toEqual([23, 156, 85]);
  });
});

describe("CCF's own snapshot", () => {
  testOnCcfData('encodeSnapshotPublicDomain() writes eol 493 again, byte for byte', () => {
    const file = readCcfFile('eol_service', 'snapshots', 'snapshot_493_494.committed');
    const { entry, receipt } = splitSnapshotFile(file);
    const { envelope, content } = decodeSnapshot(entry);
    expect(encodeSnapshotPublicDomain(content)).toEqual(envelope.publicDomain);
    expect(receipt[0]).toBe(0x7b);
    expect(file).toHaveLength(171727);
    expect(content).toMatchObject({ seqno: 493, maxConflictVersion: 0 });
    expect(content.publicMaps).toHaveLength(36);
    expect(
      count(
        content.publicMaps.flatMap(({ records }) => records),
        () => true,
      ),
    ).toBe(214);
    expect(envelope.privateDomain).toHaveLength(6687);
  });

  testOnCcfData('sipHash24Low32() strictly ascends over the records of each map', () => {
    const file = readCcfFile('eol_service', 'snapshots', 'snapshot_493_494.committed');
    const { content } = decodeSnapshot(splitSnapshotFile(file).entry);
    const hashes = content.publicMaps.map(({ records }) =>
      records.map(({ key }) => sipHash24Low32(key)),
    );
    expect(hashes.map((each) => each.toSorted((a, b) => a - b))).toEqual(hashes);
    expect(Math.max(...hashes.map(({ length }) => length))).toBeGreaterThan(16);
  });

  testOnCcfData('SnapshotContent.leaf is the Merkle leaf of entry 493', () => {
    const file = readCcfFile('eol_service', 'snapshots', 'snapshot_493_494.committed');
    const { content } = decodeSnapshot(splitSnapshotFile(file).entry);
    const entry = ledgers.at(-1)?.find(({ seqno }) => seqno === 493);
    expect(entry && entryLeaf(entry.bytes, entry.domain)).toEqual(content.leaf);
  });
});
