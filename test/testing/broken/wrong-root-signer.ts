import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { seqno as toSeqno, view as toView } from '../../../src/core/words.ts';
import { sha256 } from '../../../src/formats/encoding/sha256.ts';
import { MerkleTree } from '../../../src/formats/merkle/merkle-tree.ts';
import { signRootSignature } from '../../../src/formats/signatures/root-signature.ts';
import type { SignerDriver } from '../../../src/testing/contracts/signer-contract.ts';

const key = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey;

/** Takes the root to sign when it is asked to, and the tree when it has signed: what comes between is in one only. */
export function openWrongRootSigner(): SignerDriver {
  const tree = MerkleTree.genesis();
  const append = (what: string) => {
    tree.append(sha256(Buffer.from(`${what} ${tree.leafCount}`)));
    return toSeqno(tree.leafCount - 1);
  };
  return {
    identity: createPublicKey(key),
    leaves: () => Array.from({ length: tree.leafCount - 1 }, (_, i) => tree.leafAt(i + 1)),
    append: () => append('transaction'),
    sign: async () => {
      const txId = { view: toView(2), seqno: toSeqno(tree.leafCount) };
      const claims = { iat: 1, iss: 'broken', sub: 'broken', txId };
      const signature = await signRootSignature(tree.root(), claims, key);
      const told = { txId, signature, tree: tree.serialise() };
      append('signature');
      return told;
    },
  };
}
