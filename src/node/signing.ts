import { type Seqno, seqno as toSeqno, view as toView, type View } from '../core/words.ts';
import type { MapWrites } from '../formats/entries/write-set.ts';
import type { Certificate } from '../formats/keys/certificate.ts';
import { encodeNodeSignature, signRoot } from '../formats/signatures/node-signature.ts';
import {
  encodeCoseSignatureValue,
  signRootSignature,
} from '../formats/signatures/root-signature.ts';
import type { NodeKeys } from './keys.ts';
import type { NodeLedger } from './node-ledger.ts';
import { signatureChanges } from './system-tables.ts';

export interface SigningOptions {
  readonly keys: NodeKeys;
  readonly view: View;
  /** The node's certificate, which the service has endorsed. */
  readonly node: Certificate;
  readonly nowMs: number;
}

/** The next entry's signatures over everything before it. */
export interface MadeSignature {
  readonly seqno: Seqno;
  readonly changes: readonly MapWrites[];
  /** COSE_Sign1 of the service. */
  readonly cose: Uint8Array;
  /** The serialised tree that both signatures cover. */
  readonly tree: Uint8Array;
}

/**
 * Signs the log's root as service and as node, on the thread pool. Until the entry is appended nothing else
 * may be: the tree that is serialised must be the one that was signed.
 */
export async function makeSignature(
  log: NodeLedger,
  options: SigningOptions,
): Promise<MadeSignature> {
  const { keys, view, node, nowMs } = options;
  const seqno = log.next;
  const root = log.tree.root();
  const tree = log.tree.serialise({ flushed: log.lastSignature });
  const claims = {
    iat: Math.floor(nowMs / 1000),
    iss: 'ledger-snapshotter',
    sub: 'ledger.signature',
    txId: { view, seqno },
  };
  const [cose, signature] = await Promise.all([
    signRootSignature(root, claims, keys.service),
    signRoot(log.tree.rootPreimage(), keys.node),
  ]);
  const nodeSignature = encodeNodeSignature({
    certificate: node.pem,
    commitSeqno: toSeqno(0),
    commitView: toView(0),
    hashedNonce: new Uint8Array(32),
    node: node.keyId,
    root,
    seqno,
    signature,
    view,
  });
  const changes = signatureChanges({
    node: nodeSignature,
    cose: encodeCoseSignatureValue(cose),
    tree,
  });
  return { seqno, changes, cose, tree };
}
