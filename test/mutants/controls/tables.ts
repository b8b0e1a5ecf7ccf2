import type { ControlledTests } from './types.ts';

const certificates = 'test/formats/table-certificates.test.ts';
const texts = 'test/engine/made-ledgers-texts.test.ts';
const register = 'src/engine/identity-register.ts';

/** What is read of a ledger's tables liberally, and what is not. */
export const tableControls: readonly ControlledTests[] = [
  {
    tests: certificates,
    controls: [
      {
        file: 'src/formats/pem.ts',
        text: '  if (text.length > pemBytesMax) return undefined;',
        fails: /refuses > (a text of more than 64 KiB|a text of 64 MiB|a value of a table)/,
      },
      {
        file: 'src/formats/certificate.ts',
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
        file: 'src/engine/signatures.ts',
        text: '  checkView(signature.view, view);',
        fails: /a node signature that says another view/,
      },
    ],
  },
];
