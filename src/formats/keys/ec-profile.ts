/** A COSE algorithm that CCF signs with: -7 is ES256, -35 is ES384. */
export type EcAlg = -7 | -35;

/** What one COSE algorithm means; the table is closed, so that no header can choose a weaker one. */
export interface EcProfile {
  readonly alg: EcAlg;
  /** IANA's name of the algorithm. */
  readonly name: string;
  /** OpenSSL's name of the one curve the algorithm may be used with. */
  readonly curve: string;
  readonly hash: 'sha256' | 'sha384';
  /** Bytes of a raw signature, r and s. */
  readonly signatureBytes: number;
}

/** The algorithms that CCF signs with. */
export const ecProfiles: readonly EcProfile[] = [
  { alg: -7, name: 'ES256', curve: 'prime256v1', hash: 'sha256', signatureBytes: 64 },
  { alg: -35, name: 'ES384', curve: 'secp384r1', hash: 'sha384', signatureBytes: 96 },
];
