import { describe, expect, test } from 'vitest';
import { AttackedNode, forgedTables } from '../helpers/attacked-node.ts';
import type { LedgerForger } from '../helpers/forge-ledger.ts';
import { forgeries } from '../helpers/forged-tails.ts';
import { change, serviceConfig } from '../helpers/make-tables.ts';
import { makeNodeKeyFiles, read } from '../helpers/node-host.ts';
import { resignLedger } from '../helpers/resign-ledger.ts';

const keys = makeNodeKeyFiles();

const named = (text: string) => forgeries.filter(({ what }) => what.startsWith(text));

describe('a node’s start believes nothing of a tail that nobody signed', () => {
  test.for(forgeries)('$what', async ({ forge, signs }) => {
    const attacked = await AttackedNode.lived(keys);
    await forge(attacked.forger);
    await attacked.forger.write();
    const outcome = await attacked.start();
    if (!signs) expect(outcome).toBe('started');
  });

  test.for(named('a '))('after a snapshot: $what', async ({ forge }) => {
    const attacked = await AttackedNode.lived(keys, { snapshots: 1 });
    await forge(attacked.forger);
    await attacked.forger.write();
    expect(await attacked.start()).toBe('started');
  });

  test.for(named('a '))('behind acknowledged data it is refused: $what', async ({ forge }) => {
    const attacked = await AttackedNode.crashed(keys);
    await forge(attacked.forger);
    await attacked.forger.write();
    expect(await attacked.start()).toBe('UNSIGNED_TAIL');
  });

  test('what is cut off is kept in quarantine', async () => {
    const attacked = await AttackedNode.lived(keys);
    const { forger } = attacked;
    forger.append([...forger.ownSecret(), ...forgedTables]);
    const { bytes } = forger.last;
    await forger.write();
    await attacked.start();
    const kept = await attacked.keptIn(bytes);
    expect(kept).toEqual([expect.stringContaining('/quarantine/')]);
  });

  const chunks = ['complete', 'committed'] as const;
  test.for(chunks)('a %s chunk, which no crash leaves, may be refused', async (how) => {
    const attacked = await AttackedNode.lived(keys);
    const { forger } = attacked;
    forger.append([...forger.ownSecret(), ...forgedTables]);
    await forger.write(how);
    await attacked.start();
  });

  test.for(chunks)(
    'a %s chunk with nothing that was acknowledged is refused by name',
    async (how) => {
      const attacked = await AttackedNode.lived(keys);
      const { forger, secret } = attacked;
      forger.append(forger.ownSecret(undefined), { secret });
      await forger.write(how);
      expect(await attacked.start()).toBe('UNSIGNED_TAIL');
    },
  );

  test('a chunk of his own behind the real ones', async () => {
    const attacked = await AttackedNode.lived(keys);
    const { forger } = attacked;
    forger.append([...forger.ownSecret(), ...forgedTables]);
    forger.append(forgedTables);
    await forger.write('open', 'apart');
    await attacked.start();
  });
});

describe('a tail that authenticates under the real secret, and steers what is verified', () => {
  const data = [change('records', { maybe: 'acknowledged' })];

  test('is cut off and kept in quarantine when nothing in it can have been acknowledged', async () => {
    const attacked = await AttackedNode.lived(keys);
    const { forger, secret } = attacked;
    forger.append(forger.ownSecret(undefined), { secret });
    const { bytes } = forger.last;
    await forger.write();
    expect(await attacked.start()).toBe('started');
    expect(await attacked.keptIn(bytes)).toHaveLength(1);
  });

  test.for([
    ['its own', (forger: LedgerForger) => [[...forger.ownSecret(undefined), ...data]]],
    ['an entry before it', (forger: LedgerForger) => [data, forger.ownSecret(undefined)]],
    ['an entry behind it', (forger: LedgerForger) => [forger.ownSecret(undefined), data]],
    ['an entry behind a node’s', (forger: LedgerForger) => [forger.ownNode(), data]],
    ['an entry behind a threshold', () => [[serviceConfig(1)], data]],
  ] as const)('is refused when data may have been: %s', async ([, entriesOf]) => {
    const attacked = await AttackedNode.lived(keys);
    const { forger, secret } = attacked;
    for (const changes of entriesOf(forger)) forger.append(changes, { secret });
    await forger.write();
    expect(await attacked.start()).not.toBe('started');
  });

  test('data alone is kept and signed', async () => {
    const attacked = await AttackedNode.lived(keys);
    const { forger, secret } = attacked;
    forger.append(data, { secret });
    await forger.write();
    const node = await attacked.host.start();
    expect(read(node, 'maybe')).toBe('acknowledged');
  });
});

describe('a node’s start pins its own service', () => {
  test('a whole ledger signed by a stranger, who introduces the real service last', async () => {
    const attacked = await AttackedNode.lived(keys);
    const { forger } = attacked;
    const real = forger.realIdentity();
    await resignLedger(forger);
    forger.append(real);
    forger.append(forgedTables);
    await forger.write();
    expect(await attacked.start()).not.toBe('started');
  });

  test('a node of a stranger signs last, when the real service is named again', async () => {
    const attacked = await AttackedNode.lived(keys);
    const { forger } = attacked;
    const real = forger.realIdentity();
    forger.append([...forger.ownSecret(), ...forger.ownIdentity()]);
    forger.append(forgedTables);
    forger.append(real);
    await forger.sign({ cose: false });
    await forger.write();
    expect(await attacked.start()).toBe('KID_MISMATCH');
  });

  test('the same without a word of the real service', async () => {
    const attacked = await AttackedNode.lived(keys);
    await resignLedger(attacked.forger);
    await attacked.forger.write();
    expect(await attacked.start()).not.toBe('started');
  });

  test('a ledger that is real up to its genesis, and a stranger’s from there on', async () => {
    const attacked = await AttackedNode.lived(keys);
    const { forger } = attacked;
    const real = forger.realIdentity();
    await resignLedger(forger, { from: 4 });
    forger.append([...real, ...forgedTables]);
    await forger.write();
    const outcome = await attacked.startWithoutItsData();
    expect(outcome.forged).toBeUndefined();
  });

  test('a stranger’s ledger without any signature, with the real certificate', async () => {
    const attacked = await AttackedNode.lived(keys);
    const { forger } = attacked;
    const real = forger.realIdentity();
    await resignLedger(forger);
    forger.truncate(2);
    forger.append([...real, ...forgedTables]);
    await forger.write();
    const outcome = await attacked.startWithoutItsData();
    expect(outcome.forged).toBeUndefined();
  });

  test.for([1, 2])(
    'its genesis cut off behind seqno %i, and forged data behind that',
    async (at) => {
      const attacked = await AttackedNode.lived(keys);
      const { forger } = attacked;
      forger.truncate(at);
      forger.append([...forger.ownSecret(), ...forgedTables]);
      await forger.write();
      const outcome = await attacked.startWithoutItsData();
      expect(outcome.forged).toBeUndefined();
    },
  );

  test.for([1, 2])('its genesis cut off behind seqno %i, but a snapshot is there', async (at) => {
    const attacked = await AttackedNode.lived(keys, { snapshots: 1 });
    attacked.forger.truncate(at);
    await attacked.forger.write();
    const outcome = await attacked.startWithoutItsData();
    expect(outcome.code).not.toBe('started');
  });

  test.for([1, 2])(
    'its genesis cut off behind seqno %i and nothing else is made anew',
    async (at) => {
      const attacked = await AttackedNode.lived(keys);
      attacked.forger.truncate(at);
      await attacked.forger.write();
      expect(await attacked.startWithoutItsData()).toMatchObject({ code: 'started' });
      const [first, second, third] = (await attacked.forgerNow()).entries;
      expect([first, second, third].map((entry) => entry?.isSignature)).toEqual([
        false,
        false,
        true,
      ]);
    },
  );
});
