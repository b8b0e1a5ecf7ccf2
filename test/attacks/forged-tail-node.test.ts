import { describe, expect, test } from 'vitest';
import { digest } from '../../src/core/words.ts';
import { tables } from '../../src/formats/tables.ts';
import { AttackedNode, forgedTables } from '../helpers/attacked-node.ts';
import type { LedgerForger } from '../helpers/forge-ledger.ts';
import { change, serviceConfig, singleton, snapshotEvidence } from '../helpers/make-tables.ts';
import { makeNodeKeyFiles } from '../helpers/node-host.ts';
import { resignLedger } from '../helpers/resign-ledger.ts';

const keys = makeNodeKeyFiles();

interface Forgery {
  readonly what: string;
  readonly forge: (forger: LedgerForger) => unknown;
}

/** Tails of someone without any key of the service, each of which steers what is verified next. */
const forgeries: readonly Forgery[] = [
  {
    what: 'a secret of his own with its shares, and data under it',
    forge: (forger) => {
      forger.append([...forger.ownSecret(), ...forgedTables]);
      forger.append(forgedTables);
    },
  },
  {
    what: 'the secret first and its shares in an entry of their own',
    forge: (forger) => {
      const [record, shares] = forger.ownSecret();
      forger.append(record === undefined ? [] : [record]);
      forger.append([...(shares === undefined ? [] : [shares]), ...forgedTables]);
    },
  },
  {
    what: 'shares of his secret alone',
    forge: (forger) => {
      forger.append([forger.ownShares()]);
      forger.append(forgedTables);
    },
  },
  {
    what: 'a live rekey to his secret, which begins with the next entry',
    forge: (forger) => {
      forger.append(forger.ownSecret(undefined));
      forger.append(forgedTables);
    },
  },
  {
    what: 'a secret that is said to be in force since seqno 1',
    forge: (forger) => {
      const record = singleton(tables.historicalSecrets, '{"next_version":1}');
      forger.append([record, forger.ownShares(), ...forgedTables]);
    },
  },
  {
    what: 'a threshold of one, and then shares of his secret',
    forge: (forger) => {
      forger.append([serviceConfig(1), ...forger.ownSecret()]);
      forger.append(forgedTables);
    },
  },
  {
    what: 'his own service, which signs what follows',
    forge: async (forger) => {
      forger.append([...forger.ownSecret(), ...forger.ownIdentity()]);
      forger.append(forgedTables);
      await forger.sign();
    },
  },
  {
    what: 'his own service with its secret as one of a recovery, never shared',
    forge: async (forger) => {
      forger.append(forger.ownIdentity('Recovering'));
      forger.append([...forger.ownSecret(), ...forgedTables]);
      await forger.sign({ cose: false });
    },
  },
  {
    what: 'his own node among the nodes, and its signature',
    forge: async (forger) => {
      forger.append([...forger.ownSecret(), ...forger.ownNode(), ...forgedTables]);
      await forger.sign({ cose: false });
    },
  },
  {
    what: 'himself as the only member',
    forge: (forger) => {
      const member = { mallory: forger.identity.serviceCertificate.pem };
      const info = change('public:ccf.gov.members.info', { mallory: '{"status":"Active"}' });
      forger.append([...forger.ownSecret(), change(tables.memberEncryptionKeys, member), info]);
      forger.append(forgedTables);
    },
  },
  {
    what: 'the service’s signing identity, and a view of his',
    forge: (forger) => {
      const signing = singleton('public:ccf.gov.service.signing_identities', '{}');
      forger.append([...forger.ownSecret(), signing, ...forgedTables]);
    },
  },
  {
    what: 'evidence of a snapshot that nobody took',
    forge: (forger) => {
      const evidence = snapshotEvidence(forger.last.seqno, digest('ab'.repeat(32)));
      forger.append([...forger.ownSecret(), ...evidence, ...forgedTables]);
    },
  },
  {
    what: 'the certificate of the real service, written again',
    forge: (forger) => {
      forger.append([...forger.ownSecret(), ...forger.realIdentity(), ...forgedTables]);
    },
  },
];

const named = (text: string) => forgeries.filter(({ what }) => what.startsWith(text));

describe('a node’s start believes nothing of a tail that nobody signed', () => {
  test.for(forgeries)('$what', async ({ forge }) => {
    const attacked = await AttackedNode.lived(keys);
    await forge(attacked.forger);
    await attacked.forger.write();
    expect(await attacked.start()).toBe('started');
  });

  test.for(named('a '))('after a snapshot: $what', async ({ forge }) => {
    const attacked = await AttackedNode.lived(keys, { snapshots: 1 });
    await forge(attacked.forger);
    await attacked.forger.write();
    expect(await attacked.start()).toBe('started');
  });

  test.for(named('a '))('after a crash, what was acknowledged stays: $what', async ({ forge }) => {
    const attacked = await AttackedNode.crashed(keys);
    await forge(attacked.forger);
    await attacked.forger.write();
    expect(await attacked.start()).toBe('started');
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

  test('a chunk of his own behind the real ones', async () => {
    const attacked = await AttackedNode.lived(keys);
    const { forger } = attacked;
    forger.append([...forger.ownSecret(), ...forgedTables]);
    forger.append(forgedTables);
    await forger.write('open', 'apart');
    await attacked.start();
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
