import { type Seqno, seqno as toSeqno, view as toView, type View } from '../../src/core/words.ts';
import { tables } from '../../src/formats/entries/tables.ts';
import {
  type KeyValue,
  type MapWrites,
  singletonKey,
} from '../../src/formats/entries/write-set.ts';
import type { MerkleTree } from '../../src/formats/merkle/merkle-tree.ts';
import { encodeNodeSignature, signRoot } from '../../src/formats/signatures/node-signature.ts';
import {
  encodeCoseSignatureValue,
  signRootSignature,
} from '../../src/formats/signatures/root-signature.ts';
import type { MadeService } from '../formats/make-snapshot-file.ts';
import { singleton } from './make-tables.ts';

/** The values that a signature transaction writes to its tables. */
export interface SignatureValues {
  readonly node: Uint8Array | undefined;
  readonly cose: Uint8Array | undefined;
  readonly tree: Uint8Array | undefined;
  /** Further rows of the COSE table, by their keys. @default none */
  readonly others?: readonly KeyValue[];
}

/** What is signed, by whom and where. */
export interface SignaturePlace {
  /** Of all transactions before. */
  readonly tree: MerkleTree;
  readonly identity: MadeService;
  readonly seqno: Seqno;
  readonly view: View;
  readonly lastSignature: Seqno;
  readonly isOldRelease: boolean;
}

export async function signAsNode(place: SignaturePlace): Promise<Uint8Array> {
  const { tree, identity, seqno, view, lastSignature, isOldRelease } = place;
  const { node, nodeCertificate } = identity;
  return encodeNodeSignature({
    ...(isOldRelease ? {} : { certificate: nodeCertificate.pem }),
    commitSeqno: isOldRelease ? lastSignature : toSeqno(0),
    commitView: isOldRelease ? view : toView(0),
    hashedNonce: new Uint8Array(32),
    node: nodeCertificate.keyId,
    root: tree.root(),
    seqno,
    signature: await signRoot(tree.rootPreimage(), node.privateKey),
    view,
  });
}

/** When everything in a made ledger was signed, in seconds since 1970. */
export const issuedAt = 1_795_651_200;

export async function signAsService(place: SignaturePlace): Promise<Uint8Array> {
  const { tree, identity, seqno, view } = place;
  const txId = { view, seqno };
  const claims = { iat: issuedAt, iss: 'service.example.com', sub: 'ledger.signature', txId };
  const { privateKey } = identity.signer ?? identity.service;
  const message = await signRootSignature(tree.root(), claims, privateKey);
  return encodeCoseSignatureValue(message);
}

export function signatureTables(values: SignatureValues): readonly MapWrites[] {
  const { node, cose, tree, others = [] } = values;
  const coseRows = [...(cose ? [{ key: singletonKey, value: cose }] : []), ...others];
  return [
    ...(node ? [singleton(tables.signatures, node)] : []),
    ...(coseRows.length > 0
      ? [{ name: tables.coseSignatures, writes: coseRows, removes: [] }]
      : []),
    ...(tree ? [singleton(tables.tree, tree)] : []),
  ];
}
