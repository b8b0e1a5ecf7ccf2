import { describe, expect, test } from 'vitest';
import { assert } from '../../src/core/errors.ts';
import { seqno as toSeqno } from '../../src/core/words.ts';
import { chunkName, encodeChunk } from '../../src/formats/entries/ledger-chunk.ts';
import { AttackedNode } from '../helpers/attacked-node.ts';
import type { LedgerForger } from '../helpers/forge-ledger.ts';
import { readFiles } from '../helpers/make-ledger-files.ts';
import { change } from '../helpers/make-tables.ts';
import { makeNodeKeyFiles, NodeHost, plant } from '../helpers/node-host.ts';
import { resignLedger } from '../helpers/resign-ledger.ts';

const keys = makeNodeKeyFiles();
const chunk = '/node/ledger/ledger_1';

/** A node's directory whose ledger has these bytes in its only chunk, and what the node has then. */
async function startOn(attacked: AttackedNode, bytes: Uint8Array) {
  const { disk } = attacked.host;
  for (const name of await attacked.host.ledgerNames()) await disk.remove(`/node/ledger/${name}`);
  await plant(disk, chunk, bytes);
  return restart(attacked);
}

/** The code of a start, and the names in the ledger and its quarantine behind it. */
async function restart(attacked: AttackedNode) {
  const before = await attacked.host.ledgerFiles();
  const { code } = await attacked.startWithoutItsData();
  const kept = await readFiles(attacked.host.disk, '/node/quarantine').catch(() => new Map());
  return { code, kept: [...kept.keys()], isAsItWas: isEqual(before, await ledgerOf(attacked)) };
}

const ledgerOf = ({ host }: AttackedNode) => host.ledgerFiles();

function isEqual(a: ReadonlyMap<string, Uint8Array>, b: ReadonlyMap<string, Uint8Array>): boolean {
  const hex = (files: typeof a) => [...files].map(([name, bytes]) => [name, bytes.toString()]);
  return JSON.stringify(hex(a)) === JSON.stringify(hex(b));
}

const created = { code: 'started', kept: ['ledger_1.unsigned'], isAsItWas: false };
const refused = { code: expect.not.stringMatching('^started$'), kept: [], isAsItWas: true };

const chunkOf = ({ entries }: Pick<LedgerForger, 'entries'>, count: number) =>
  encodeChunk(
    entries.slice(0, count).map(({ bytes }) => bytes),
    { complete: false },
  );

/** A node that has its genesis and nothing else, closed. */
async function begun(): Promise<AttackedNode> {
  return AttackedNode.lived(keys);
}

describe('a genesis of the node’s own that was never signed is made again, and kept', () => {
  test.for([
    ['an empty file', () => new Uint8Array()],
    ['half of a chunk’s header', () => new Uint8Array(4)],
    ['a chunk’s header', (forger) => chunkOf(forger, 0)],
    ['the first bytes of its first entry', (forger) => chunkOf(forger, 1).subarray(0, 40)],
    ['half of its first entry', (forger) => chunkOf(forger, 1).subarray(0, 300)],
    ['its first entry', (forger) => chunkOf(forger, 1)],
    ['half of its second entry', (forger) => chunkOf(forger, 2).subarray(0, -20)],
    ['its second entry', (forger) => chunkOf(forger, 2)],
    ['half of its signature', (forger) => chunkOf(forger, 3).subarray(0, -20)],
  ] as readonly (readonly [string, (forger: LedgerForger) => Uint8Array])[])(
    'cut behind %s',
    async ([, bytesOf]) => {
      const attacked = await begun();
      expect(await startOn(attacked, bytesOf(attacked.forger))).toEqual(created);
      const { code, kept } = await restart(attacked);
      expect([code, kept]).toEqual(['started', created.kept]);
    },
  );

  test('a crash at every point of the very first start leaves what the next one starts on', async () => {
    const host = await NodeHost.make(keys);
    const node = await host.open();
    const after = host.afterCrash();
    await node.close();
    const next = await after.start();
    expect(next.service.keyId).toBe(node.service.keyId);
  });
});

describe('it is refused, and left as it is', () => {
  const unsigned = async () => {
    const attacked = await begun();
    attacked.forger.truncate(2);
    return attacked;
  };

  test('under a stranger’s key', async () => {
    const attacked = await begun();
    await resignLedger(attacked.forger);
    attacked.forger.truncate(2);
    await attacked.forger.write();
    expect(await restart(attacked)).toEqual(refused);
  });

  test('where a public table of an application follows', async () => {
    const attacked = await unsigned();
    attacked.forger.append([change('public:records', { k: 'acknowledged' })], attacked);
    await attacked.forger.write();
    expect(await restart(attacked)).toEqual(refused);
  });

  test('where private data follows', async () => {
    const attacked = await unsigned();
    attacked.forger.append([change('records', { k: 'acknowledged' })], attacked);
    await attacked.forger.write();
    expect(await restart(attacked)).toEqual(refused);
  });

  test('where a signature follows, be it one that does not hold', async () => {
    const attacked = await unsigned();
    await attacked.forger.sign();
    await attacked.forger.write();
    expect(await restart(attacked)).toEqual(refused);
  });

  test('where a snapshot was taken', async () => {
    const attacked = await AttackedNode.lived(keys, { snapshots: 1 });
    attacked.forger.truncate(2);
    await attacked.forger.write();
    expect(await restart(attacked)).toEqual(refused);
  });

  test('where a later view was begun', async () => {
    const attacked = await unsigned();
    await attacked.forger.write();
    await plant(attacked.host.disk, '/node/view', new TextEncoder().encode('3\n'));
    expect(await restart(attacked)).toEqual(refused);
  });

  test('where another chunk lies beside it', async () => {
    const attacked = await unsigned();
    const [first, second] = attacked.forger.entries.map(({ bytes }) => bytes);
    assert(first !== undefined && second !== undefined, 'two entries are there');
    const { disk } = attacked.host;
    for (const name of await attacked.host.ledgerNames()) await disk.remove(`/node/ledger/${name}`);
    await plant(disk, chunk, encodeChunk([first], { complete: true }));
    await plant(
      disk,
      `/node/ledger/${chunkName(toSeqno(2))}`,
      encodeChunk([second], { complete: false }),
    );
    expect(await restart(attacked)).toEqual(refused);
  });

  test('under the name of a committed chunk', async () => {
    const attacked = await unsigned();
    await attacked.forger.write('committed');
    expect(await restart(attacked)).toEqual(refused);
  });

  test.for([8, 10, 40, 300])(
    'where it is damaged at offset %i, and signed behind that',
    async (at) => {
      const attacked = await begun();
      const bytes = chunkOf(attacked.forger, attacked.last);
      bytes[at] = (bytes[at] ?? 0) ^ 0x55;
      expect(await startOn(attacked, bytes)).toEqual(refused);
    },
  );

  test('where its beginning is zeros', async () => {
    const attacked = await begun();
    const bytes = chunkOf(attacked.forger, attacked.last).fill(0, 8, 4096);
    expect(await startOn(attacked, bytes)).toEqual(refused);
  });
});
