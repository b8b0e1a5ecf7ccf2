import { equalBytes } from '../../core/bytes.ts';
import type { Secrets } from '../../core/host-ports.ts';
import type { Seqno } from '../../core/words.ts';
import { realClock } from '../../io/clock.ts';
import { check, checkBytes, checkSame } from './expectations.ts';
import {
  type Closable,
  type Contract,
  type ContractCase,
  type ContractOptions,
  capability,
  registerContract,
  type TestFramework,
} from './framework.ts';

/** Secrets under test. */
export interface SecretsDriver extends Closable {
  readonly secrets: Secrets;
  /** Seqnos that may be asked for, two at least, ascending; on both sides of each change of the secret. */
  readonly seqnos: readonly Seqno[];
  /** Secrets that the host knows to be in force. */
  readonly known?: readonly { readonly seqno: Seqno; readonly secret: Uint8Array }[];
  /** The secrets of the same ledger as another process would have them, after a restart. */
  reopen?(): Promise<Secrets> | Secrets;
}

/** `known`: the host knows secrets from elsewhere. `reopen`: it can start again. */
export type SecretsCapability = 'known' | 'reopen';

/** The rules of {@link Secrets}. */
export const secretsRules = {
  X1: 'at(seqno) is 32 bytes, at once',
  X2: 'at(seqno) is the secret in force at that seqno',
  X3: 'at(seqno) is for ever the same, whatever was asked before',
  X4: 'what at(seqno) gave stays as it is, whoever asks for another and however long it is held',
  X5: 'at(seqno) is the same after a restart',
} as const;

type SecretsCase = ContractCase<SecretsDriver, SecretsCapability, keyof typeof secretsRules>;

/** How often each seqno is asked for: a secret may be right for a while. */
const rounds = 1000;

/** How long a secret is held: enough for whatever wipes it in a later turn. */
const heldMs = 20;

const cases: readonly SecretsCase[] = [
  {
    rule: 'X1',
    title: 'every secret is a Uint8Array of 32 bytes that are not all alike zero',
    run({ secrets, seqnos }) {
      check(seqnos.length >= 2, 'the driver names fewer than two seqnos');
      for (const seqno of seqnos) {
        const secret: unknown = secrets.at(seqno);
        checkBytes(secret, 32, `the secret at ${seqno}`);
        check(
          secret.some((byte) => byte !== 0),
          `the secret at ${seqno} is nothing but zeros`,
        );
      }
    },
  },
  {
    rule: 'X2',
    title: 'at(seqno) is what the host knows to be in force there',
    needs: ['known'],
    run({ secrets, known }) {
      for (const { seqno, secret } of capability(known, 'known')) {
        checkSame(secrets.at(seqno), secret, `the secret at ${seqno}`);
      }
    },
  },
  {
    rule: 'X3',
    title: 'asked again and again it gives the same',
    run({ secrets, seqnos }) {
      for (const seqno of seqnos) {
        const first = copy(secrets.at(seqno));
        for (let round = 1; round < rounds; round++) {
          const again = secrets.at(seqno);
          if (equalBytes(again, first)) continue;
          checkSame(again, first, `the secret at ${seqno}, asked again (${round})`);
        }
      }
    },
  },
  {
    rule: 'X3',
    title: 'asked upwards, downwards and to and fro it gives the same',
    run({ secrets, seqnos }) {
      const first = new Map(seqnos.map((seqno) => [seqno, copy(secrets.at(seqno))]));
      const ends = seqnos.flatMap((seqno, index) => [seqno, seqnos[seqnos.length - 1 - index]]);
      for (const seqno of [...seqnos.toReversed(), ...ends, ...seqnos]) {
        if (seqno === undefined) continue;
        checkSame(
          secrets.at(seqno),
          first.get(seqno),
          `the secret at ${seqno}, asked out of order`,
        );
      }
    },
  },
  {
    rule: 'X3',
    title: 'first asked for an old seqno, or first for a new one, it gives the same',
    needs: ['reopen'],
    async run(driver) {
      const reopen = capability(driver.reopen, 'reopen').bind(driver);
      const [up, down] = [await reopen(), await reopen()];
      const upwards = driver.seqnos.map((seqno) => copy(up.at(seqno)));
      const downwards = driver.seqnos.toReversed().map((seqno) => copy(down.at(seqno)));
      checkSame(upwards, downwards.toReversed(), 'what was asked for in one order');
    },
  },
  {
    rule: 'X4',
    title: 'a secret that is held does not change under later questions',
    run({ secrets, seqnos }) {
      const held = seqnos.map((seqno) => ({ seqno, secret: secrets.at(seqno) }));
      const before = held.map(({ secret }) => copy(secret));
      for (const seqno of seqnos.toReversed()) secrets.at(seqno);
      for (const [index, { seqno, secret }] of held.entries()) {
        const same = equalBytes(secret, before[index] ?? new Uint8Array());
        check(same, `the bytes that were given for ${seqno} have changed`);
      }
      for (const { seqno, secret } of held) {
        checkSame(secret, secrets.at(seqno), `what is held for ${seqno}`);
      }
    },
  },
  {
    rule: 'X4',
    title: 'a secret that is held does not change as time goes by',
    async run({ secrets, seqnos }) {
      const held = seqnos.map((seqno) => ({ seqno, secret: secrets.at(seqno) }));
      const before = held.map(({ secret }) => copy(secret));
      await passed(heldMs);
      for (const [index, { seqno, secret }] of held.entries()) {
        checkSame(secret, before[index], `what is held for ${seqno}, later`);
        checkSame(secrets.at(seqno), before[index], `the secret at ${seqno}, later`);
      }
    },
  },
  {
    rule: 'X5',
    title: 'after a restart it gives the same',
    needs: ['reopen'],
    async run(driver) {
      const before = driver.seqnos.map((seqno) => copy(driver.secrets.at(seqno)));
      const again = await capability(driver.reopen, 'reopen').call(driver);
      const after = driver.seqnos.map((seqno) => copy(again.at(seqno)));
      checkSame(after, before, 'what was asked for after the restart');
    },
  },
];

/** The contract as data, for a runner of one's own. */
export const secretsContract: Contract<
  SecretsDriver,
  SecretsCapability,
  keyof typeof secretsRules
> = { name: 'secrets', rules: secretsRules, cases };

/** Registers the tests of a source of ledger secrets, rule by rule as {@link secretsRules} has them. */
export function registerSecretsContract(
  framework: TestFramework,
  options: ContractOptions<SecretsDriver, SecretsCapability>,
): void {
  registerContract(framework, secretsContract, options);
}

const copy = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

async function passed(ms: number, clock = realClock): Promise<void> {
  await new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
}
