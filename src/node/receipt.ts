import { VerificationError } from '../core/errors.ts';
import type { Seqno } from '../core/words.ts';
import { openLedger } from '../files/ledger/ledger-directory.ts';
import { verifyRootSignature } from '../formats/signatures/root-signature.ts';
import {
  type MadeReceipt,
  makeReceipt,
  type ProofForm,
  type SignedRoot,
} from '../ledger/receipt-maker.ts';
import type { NodePlace, OpenedService } from './node-place.ts';

/** What a running node makes a receipt of. */
export interface NodeReceiptWanted {
  readonly seqno: Seqno;
  readonly form: ProofForm;
  /** The node's last committed signature. */
  readonly until: Seqno;
}

/**
 * Makes a receipt from the ledger that a running node has on its disk, under its own service's key.
 * @throws as `LedgerNode.receipt`
 */
export async function makeNodeReceipt(
  { paths, environment, service }: NodePlace & { readonly service: OpenedService },
  wanted: NodeReceiptWanted,
): Promise<MadeReceipt> {
  const { certificate, node, secrets } = service;
  return makeReceipt(await openLedger(environment.fileSystem, paths.ledger), {
    ...wanted,
    secretAt: (seqno) => secrets.at(seqno),
    certificateOf: (signature) => signature.certificate ?? node.pem,
    checkSigned: async ({ seqno, root, cose }: SignedRoot) => {
      if (cose === undefined) {
        const message = `the signature of seqno ${seqno} has no COSE message of this node's service`;
        throw new VerificationError('NO_SIGNATURE', message, { seqno });
      }
      await verifyRootSignature(cose, certificate.publicKey, root);
    },
  });
}
