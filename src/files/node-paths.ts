import { join } from 'node:path';

/** Where a node keeps what. */
export interface NodePaths {
  readonly root: string;
  readonly ledger: string;
  readonly snapshots: string;
  /** Private keys: the service's, the node's, the members'. */
  readonly keys: string;
  readonly serviceCertificate: string;
  readonly nodeCertificate: string;
  /** Entries that were not believed. */
  readonly quarantine: string;
  /** The last view that the node has used, as decimal digits. */
  readonly view: string;
}

export function nodePaths(root: string): NodePaths {
  return {
    root,
    ledger: join(root, 'ledger'),
    snapshots: join(root, 'snapshots'),
    keys: join(root, 'keys'),
    serviceCertificate: join(root, 'service_cert.pem'),
    nodeCertificate: join(root, 'node_cert.pem'),
    quarantine: join(root, 'quarantine'),
    view: join(root, 'view'),
  };
}
