import type { FastifyInstance } from 'fastify';
import type { LedgerNode, Transaction, TxId } from '../../../src/index.ts';

/** Private: encrypted in ledger and snapshots. With `public:` in front it would be in the clear. */
const accounts = 'app.accounts';

const name = { type: 'string', minLength: 1 } as const;
const amount = { type: 'integer', minimum: 1, maximum: 1_000_000_000 } as const;

interface Account {
  readonly name: string;
  readonly balance: number;
}

interface Transfer {
  readonly from: string;
  readonly to: string;
  readonly amount: number;
}

/** Adds the routes of the accounts; each is one transaction. */
export function addAccounts(app: FastifyInstance, node: LedgerNode): void {
  const account = bodyOf({ name, balance: amount });
  app.post<{ Body: Account }>('/accounts', account, async ({ body }, reply) => {
    const { txId } = await node.transaction((tx) => {
      // What is thrown in here undoes the transaction, and comes to the error handler as it is.
      if (tx.has(accounts, body.name)) throw new Refused(409, `${body.name} has an account`);
      tx.put(accounts, body.name, String(body.balance));
    });
    return reply.code(201).send({ txId: textOf(txId) });
  });

  const transfer = bodyOf({ from: name, to: name, amount });
  app.post<{ Body: Transfer }>('/transfers', transfer, async ({ body }) => {
    const { txId } = await node.transaction((tx) => {
      const balance = balanceOf(tx, body.from);
      if (balance < body.amount) throw new Refused(409, `${body.from} has only ${balance}`);
      tx.put(accounts, body.from, String(balance - body.amount));
      tx.put(accounts, body.to, String(balanceOf(tx, body.to) + body.amount));
    });
    return { txId: textOf(txId) };
  });

  // A transaction that only reads waits until what it has read is on disk. `node.get` answers at once, perhaps
  // with something that a power cut then takes back.
  app.get<{ Params: Pick<Account, 'name'> }>('/accounts/:name', async ({ params }) => {
    const { txId, result } = await node.transaction((tx) => balanceOf(tx, params.name));
    return { balance: result, txId: textOf(txId) };
  });
}

/** What the application itself says no to; Fastify reads the status. */
class Refused extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

function balanceOf(tx: Transaction, account: string): number {
  const balance = tx.get(accounts, account);
  if (balance === undefined) throw new Refused(404, `${account} has no account`);
  return Number(Buffer.from(balance).toString());
}

const textOf = ({ view, seqno }: TxId): string => `${view}.${seqno}`;

/** Fastify itself answers 400 to a body that does not fit. */
const bodyOf = (properties: Readonly<Record<string, typeof name | typeof amount>>) => ({
  schema: { body: { type: 'object', required: Object.keys(properties), properties } },
});
