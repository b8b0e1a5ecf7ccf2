import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { seqno as toSeqno, view as toView } from '../../../src/core/words.ts';
import { sha256 } from '../../../src/formats/encoding/sha256.ts';
import { keyIdOf, profileOfKey } from '../../../src/formats/keys/ec-key.ts';
import { MerkleTree } from '../../../src/formats/merkle/merkle-tree.ts';
import { signCoseSign1 } from '../../../src/formats/signatures/cose-sign1.ts';
import { rootSignatureHeader } from '../../../src/formats/signatures/root-signature.ts';
import type { SignerDriver } from '../../../src/testing/contracts/signer-contract.ts';

const ecKey = () => generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey;
const key = ecKey();
const other = createPublicKey(ecKey());

/** Signs with one key for ever, and names another one from the second signature on. */
export function openMisnamingSigner(): SignerDriver {
  const tree = MerkleTree.genesis();
  const identity = createPublicKey(key);
  let named = identity;
  const append = (what: string) => {
    tree.append(sha256(Buffer.from(`${what} ${tree.leafCount}`)));
    return toSeqno(tree.leafCount - 1);
  };
  return {
    identity,
    leaves: () => Array.from({ length: tree.leafCount - 1 }, (_, i) => tree.leafAt(i + 1)),
    append: () => append('transaction'),
    sign: async () => {
      const txId = { view: toView(2), seqno: toSeqno(tree.leafCount) };
      const header = rootSignatureHeader({
        ...{ alg: profileOfKey(key).alg, kid: keyIdOf(named) },
        ...{ iat: 1, iss: 'broken', sub: 'broken', txId },
      });
      named = other;
      const draft = { protectedHeader: header, payload: tree.root(), attached: false };
      const signature = signCoseSign1(draft, key);
      const told = tree.serialise();
      append('signature');
      return { txId, signature: await signature, tree: told };
    },
  };
}
