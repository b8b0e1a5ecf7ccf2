import { digest } from '../../src/core/words.ts';
import { tables } from '../../src/formats/entries/tables.ts';
import { forgedTables } from './attacked-node.ts';
import type { LedgerForger } from './forge-ledger.ts';
import { change, serviceConfig, singleton, snapshotEvidence } from './make-tables.ts';

interface Forgery {
  readonly what: string;
  readonly forge: (forger: LedgerForger) => unknown;
  /** Whether he signs it: then it may be refused like the ledger of another service. @default false */
  readonly signs?: true;
}

/** Tails of someone without any key of the service, each of which steers what is verified next. */
export const forgeries: readonly Forgery[] = [
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
    signs: true,
    forge: async (forger) => {
      forger.append([...forger.ownSecret(), ...forger.ownIdentity()]);
      forger.append(forgedTables);
      await forger.sign();
    },
  },
  {
    what: 'his own service with its secret as one of a recovery, never shared',
    signs: true,
    forge: async (forger) => {
      forger.append(forger.ownIdentity('Recovering'));
      forger.append([...forger.ownSecret(), ...forgedTables]);
      await forger.sign({ cose: false });
    },
  },
  {
    what: 'his own service, its signature, and then the real service again',
    signs: true,
    forge: async (forger) => {
      const real = forger.realIdentity();
      forger.append([...forger.ownSecret(), ...forger.ownIdentity(), ...forgedTables]);
      await forger.sign();
      forger.append(real);
      forger.append(forgedTables);
    },
  },
  {
    what: 'his own node among the nodes, and its signature',
    signs: true,
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
