import type { ControlledTests } from './types.ts';

const certificates = 'test/formats/entries/table-certificates.test.ts';
const texts = 'test/ledger/made-ledgers-texts.test.ts';
const register = 'src/ledger/identity-register.ts';
const identities = 'src/formats/entries/signing-identities.ts';

/** What is read of a ledger's tables liberally, and what is not. */
export const tableControls: readonly ControlledTests[] = [
  {
    tests: certificates,
    controls: [
      {
        file: 'src/formats/encoding/pem.ts',
        text: '  if (text.length > pemBytesMax) return undefined;',
        fails: /refuses > (a text of more than 64 KiB|a text of 64 MiB|a value of a table)/,
      },
      {
        file: 'src/formats/keys/certificate.ts',
        text: 'readCertificate(text.endsWith(',
        replacement: 'readTableCertificate(text.endsWith(',
        fails: /a snapshot's JSON receipt > is refused with/,
      },
    ],
  },
  {
    tests: texts,
    within: /^a certificate of a node|^a record of service.info|^a node signature/,
    controls: [
      {
        file: register,
        text: "    if ('unreadable' in known) throw known.unreadable;",
        replacement: "    if ('unreadable' in known) return this.serviceInForce();",
        fails: /is an error once the node signs/,
      },
      {
        file: register,
        text: '    if (!equalBytes(written.key, singletonKey)) return;',
        fails: /a record of service.info under another key/,
      },
      {
        file: 'src/ledger/verify-signatures.ts',
        text: '  checkView(signature.view, view);',
        fails: /a node signature that says another view/,
      },
    ],
  },
  {
    tests: 'test/ledger/signing-identities.test.ts',
    controls: [
      {
        file: register,
        text: 'return this.#signing.classical() ?? this.serviceInForce();',
        replacement: 'return this.serviceInForce();',
        fails:
          /a service that signs with a key of its own|refused|rows of other identities|prune without a pin/,
      },
      {
        file: identities,
        text: '    if (row === undefined) throw this.#headless();',
        replacement: '    if (row === undefined) return undefined as never;',
        fails: /refused > a table (without|that loses) the classical identity/,
      },
      {
        file: identities,
        text: "  if (kind === 'X509_SPKI_DER') return",
        replacement: '  return',
        fails: /refused > a classical identity of another kind/,
      },
      {
        file: identities,
        text: '      this.#rows.delete(toHex(key));',
        fails: /may change the key in mid-ledger|a table that loses the classical identity/,
      },
      {
        file: 'src/ledger/verify-signatures.ts',
        text: '  if (coseValue === undefined) checkClassical(domain);',
        fails: /refused > a signature of other identities alone/,
      },
      {
        file: 'src/formats/snapshot/verify-snapshot.ts',
        text: "  if (decoded.form === 'cose') checkSigner(content, proved.proof);",
        fails: /refused > a receipt under the certificate’s key/,
      },
      {
        file: 'src/snapshots/kept-maps.ts',
        text: '  tables.signingIdentities,',
        fails: /is recovered, from a snapshot too|a receipt under the certificate’s key/,
      },
      {
        file: 'src/ledger/other-signatures.ts',
        text: '.push(identityName(row.key));',
        replacement: ';',
        fails: /rows of other identities/,
      },
    ],
  },
  {
    tests: 'test/formats/signatures/identity-endorsement.test.ts',
    controls: [
      {
        file: 'src/formats/signatures/identity-endorsement.ts',
        text: 'epochEnd.view + recoveryViews === next.view',
        replacement: 'epochEnd.view < next.view',
        fails: /refuses (an end (one|three) views? before|a service that began in view)/,
      },
    ],
  },
];
