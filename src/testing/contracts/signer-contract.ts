import type { KeyObject } from 'node:crypto';
import type { Seqno, TxId } from '../../core/words.ts';
import { keyIdOf, profileOfKey } from '../../formats/keys/ec-key.ts';
import { foldPath, MerkleTree } from '../../formats/merkle/merkle-tree.ts';
import { verifyCoseSign1 } from '../../formats/signatures/cose-sign1.ts';
import { decodeRootSignature } from '../../formats/signatures/root-signature.ts';
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

/** A signature transaction, as a host tells a snapshotter of it. */
export interface SignedRoot {
  /** The signature transaction's own. */
  readonly txId: TxId;
  /** What `recordSignature` is given. */
  readonly signature: Uint8Array;
  /** What `recordTree` is given. */
  readonly tree: Uint8Array;
}

/** A host that signs under test, with the log that it signs. */
export interface SignerDriver extends Closable {
  /** The public key that the snapshotter is given. */
  readonly identity: KeyObject;
  /** Leaf of each entry of the log as it is now, from seqno 1 on. */
  leaves(): readonly Uint8Array[];
  /** Appends one transaction, and nothing that signs it. */
  append(): Promise<Seqno> | Seqno;
  /** Signs what there is and appends the signature transaction. */
  sign(): Promise<SignedRoot> | SignedRoot;
  /** Takes back every transaction above `seqno`, none of which is committed. */
  rollback?(seqno: Seqno): Promise<void> | void;
}

/** `rollback`: the host can take transactions back. */
export type SignerCapability = 'rollback';

/** The rules of a host that signs its roots. */
export const signerRules = {
  G1: 'the signature is a COSE_Sign1 as the verifier takes it: tagged, detached, nothing unprotected',
  G2: 'its header names the algorithm and the key id of the identity, each time',
  G3: "its header's transaction is the signature transaction itself",
  G4: 'it verifies under the identity over the root of the tree that is told with it',
  G5: 'the tree has the leaves of exactly the transactions before the signature',
  G6: 'the tree proves every transaction since the signature before',
  G7: 'signature and tree belong together, whatever is appended meanwhile',
  G8: 'after a rollback the tree is of what is left, and the transaction is named by a later view',
} as const;

export type SignerRule = keyof typeof signerRules;

type SignerCase = ContractCase<SignerDriver, SignerCapability, SignerRule>;

/** The tree over the transactions before `seqno`, made from the log's leaves. */
function treeBefore(driver: SignerDriver, seqno: number): MerkleTree {
  const tree = MerkleTree.genesis();
  for (const leaf of driver.leaves().slice(0, seqno - 1)) {
    checkBytes(leaf, 32, 'a leaf of the log');
    tree.append(leaf);
  }
  return tree;
}

async function appendMany(driver: SignerDriver, count: number): Promise<Seqno[]> {
  const seqnos: Seqno[] = [];
  for (let at = 0; at < count; at++) seqnos.push(await driver.append());
  return seqnos;
}

/** Everything that a verifier asks of one signature transaction. */
async function checkSigned(driver: SignerDriver, signed: SignedRoot): Promise<void> {
  const { txId, signature, tree } = signed;
  const carried = MerkleTree.deserialise(tree);
  checkSame(carried.leafCount, txId.seqno, `the leaves in the tree of ${txId.seqno}`);
  const expected = treeBefore(driver, txId.seqno);
  checkSame(carried.root(), expected.root(), `the root of the tree of ${txId.seqno}`);
  const decoded = decodeRootSignature(signature);
  checkSame(decoded.txId, txId, 'the transaction in the header');
  await verifyCoseSign1(decoded.message, driver.identity, carried.root());
}

/** That a header names the identity. */
function checkNames({ identity }: SignerDriver, { txId, signature }: SignedRoot): void {
  const { message, serviceKeyId } = decodeRootSignature(signature);
  const what = `in the signature of ${txId.seqno}`;
  checkSame(message.profile.alg, profileOfKey(identity).alg, `the algorithm ${what}`);
  checkSame(serviceKeyId, keyIdOf(identity), `the key id ${what}`);
}

const cases: readonly SignerCase[] = [
  {
    rule: 'G1',
    title: 'the message passes the gate of the verifier',
    async run(driver) {
      await driver.append();
      const { signature, tree } = await driver.sign();
      check(signature instanceof Uint8Array, 'the signature is no Uint8Array');
      check(tree instanceof Uint8Array, 'the tree is no Uint8Array');
      const { message } = decodeRootSignature(signature);
      checkSame(message.payload, undefined, 'its payload');
      checkSame(message.unprotectedHeader.size, 0, 'the size of its unprotected header');
    },
  },
  {
    rule: 'G2',
    title: "the header names the identity's algorithm and key",
    async run(driver) {
      await driver.append();
      checkNames(driver, await driver.sign());
    },
  },
  {
    rule: 'G2',
    title: 'every later signature names them as well',
    async run(driver) {
      for (let count = 0; count < 5; count++) {
        await driver.append();
        checkNames(driver, await driver.sign());
      }
    },
  },
  {
    rule: 'G3',
    title: "the header's transaction is that of the signature, each time",
    async run(driver) {
      let before = 0;
      for (const count of [1, 3, 2]) {
        const appended = await appendMany(driver, count);
        const { txId, signature } = await driver.sign();
        checkSame(decodeRootSignature(signature).txId, txId, 'the transaction in the header');
        check(txId.seqno > (appended.at(-1) ?? before), `it is ${txId.seqno}, not behind them`);
        checkSame(driver.leaves().length >= txId.seqno, true, 'whether the log has that entry');
        before = txId.seqno;
      }
    },
  },
  {
    rule: 'G4',
    title: 'the signature verifies over the root of the tree, and over no other',
    async run(driver) {
      await appendMany(driver, 3);
      const { signature, tree } = await driver.sign();
      const { message } = decodeRootSignature(signature);
      const carried = MerkleTree.deserialise(tree);
      await verifyCoseSign1(message, driver.identity, carried.root());
      carried.append(new Uint8Array(32));
      const other = verifyCoseSign1(message, driver.identity, carried.root());
      const isRefused = await other.then(
        () => false,
        () => true,
      );
      check(isRefused, 'it verifies over the root of another tree as well');
    },
  },
  ...[0, 1, 2, 3, 4, 7, 8, 9].map(
    (count): SignerCase => ({
      rule: 'G5',
      title: `a signature after ${count + 1} transactions, and one after ${count} more, cover all before them`,
      async run(driver) {
        await appendMany(driver, count + 1);
        const first = await driver.sign();
        await checkSigned(driver, first);
        // A signature alone is not signed again.
        await appendMany(driver, Math.max(count, 1));
        const second = await driver.sign();
        await checkSigned(driver, second);
        check(second.txId.seqno > first.txId.seqno, 'the second is not behind the first');
      },
    }),
  ),
  {
    rule: 'G5',
    title: 'the first signature is a leaf of the tree of the second',
    async run(driver) {
      await driver.append();
      const { txId } = await driver.sign();
      await driver.append();
      const next = await driver.sign();
      const tree = MerkleTree.deserialise(next.tree);
      const leaf = driver.leaves()[txId.seqno - 1];
      checkSame(tree.leafAt(txId.seqno), leaf, 'its leaf');
    },
  },
  {
    rule: 'G6',
    title: 'every transaction since the last signature is proved by a path to the signed root',
    async run(driver) {
      for (const count of [1, 2, 5, 8]) {
        const seqnos = await appendMany(driver, count);
        const tree = MerkleTree.deserialise((await driver.sign()).tree);
        for (const seqno of seqnos) {
          const leaf = driver.leaves()[seqno - 1] ?? new Uint8Array();
          checkSame(tree.leafAt(seqno), leaf, `the leaf of ${seqno}`);
          const { root } = foldPath(leaf, tree.path(seqno));
          checkSame(root, tree.root(), `the root that ${seqno} leads to`);
        }
      }
    },
  },
  {
    rule: 'G7',
    title: 'while it is being signed, transactions that come are covered or not, but never half',
    async run(driver) {
      await appendMany(driver, 2);
      for (let round = 0; round < 4; round++) {
        const [before, signed, ...after] = await Promise.all([
          driver.append(),
          driver.sign(),
          driver.append(),
          driver.append(),
        ]);
        const places = [before, signed.txId.seqno, ...after];
        checkSame(new Set(places).size, 4, `the number of places of ${places.join()}`);
        await checkSigned(driver, signed);
      }
    },
  },
  {
    rule: 'G7',
    title: 'two signatures that are asked for at once are each whole',
    async run(driver) {
      await appendMany(driver, 2);
      const [first] = await Promise.all([driver.sign(), driver.append()]);
      const [second] = await Promise.all([driver.sign(), driver.append()]);
      // The second may find nothing left to sign, and answer with the first.
      const [third, , fourth] = await Promise.all([driver.sign(), driver.append(), driver.sign()]);
      for (const signed of [first, second, third, fourth]) await checkSigned(driver, signed);
    },
  },
  {
    rule: 'G7',
    title: 'what was told stays as it is when the log goes on',
    async run(driver) {
      await appendMany(driver, 2);
      const signed = await driver.sign();
      const before = [new Uint8Array(signed.signature), new Uint8Array(signed.tree)];
      await appendMany(driver, 4);
      await driver.sign();
      checkSame([signed.signature, signed.tree], before, 'what was told of the first signature');
    },
  },
  {
    rule: 'G8',
    title: 'what was taken back is in no later tree',
    needs: ['rollback'],
    async run(driver) {
      await driver.append();
      const first = await driver.sign();
      await appendMany(driver, 3);
      const gone = driver.leaves().slice(first.txId.seqno);
      await capability(driver.rollback, 'rollback').call(driver, first.txId.seqno);
      await appendMany(driver, 2);
      const second = await driver.sign();
      await checkSigned(driver, second);
      check(second.txId.view > first.txId.view, `the view is ${second.txId.view} still`);
      const left = driver.leaves().slice(first.txId.seqno, second.txId.seqno - 1);
      const isGone = (leaf: Uint8Array) => gone.some((old) => Buffer.compare(old, leaf) === 0);
      check(!left.some(isGone), 'a leaf that was taken back is there again');
    },
  },
];

/** The contract as data, for a runner of one's own. */
export const signerContract: Contract<SignerDriver, SignerCapability, SignerRule> = {
  name: 'signer',
  rules: signerRules,
  cases,
};

/** Registers the tests of a host that signs its own roots, rule by rule as {@link signerRules} has them. */
export function registerSignerContract(
  framework: TestFramework,
  options: ContractOptions<SignerDriver, SignerCapability>,
): void {
  registerContract(framework, signerContract, options);
}
