import type { Secrets } from '../core/host-ports.ts';
import type { NodePaths } from '../files/node-paths.ts';
import type { Certificate } from '../formats/keys/certificate.ts';
import type { Environment } from '../jobs/environment.ts';
import type { RecoveredLedger } from '../recovery/report.ts';
import type { NodeKeys } from './keys.ts';

/** A node's directory, and the world it is in. */
export interface NodePlace {
  readonly paths: NodePaths;
  readonly environment: Environment;
}

/** A service whose ledger and keys have been read and fit together. */
export interface OpenedService {
  readonly recovered: RecoveredLedger;
  readonly keys: NodeKeys;
  readonly secrets: Secrets;
  /** The service's identity in force. */
  readonly certificate: Certificate;
  /** This node's certificate, which the service has endorsed. */
  readonly node: Certificate;
}
