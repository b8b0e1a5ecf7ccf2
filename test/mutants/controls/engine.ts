import type { ControlledTests } from './types.ts';

const readers = 'test/attacks/forged-tail-readers.test.ts';
const signedLedger = 'src/ledger/signed-ledger.ts';
const replay = 'src/recovery/replay-tail.ts';
const evidence = 'src/ledger/evidence-entry.ts';
const recovery = 'src/recovery/recovery-ports.ts';
const verify = 'src/verification/verify.ts';
const identities = 'src/ledger/ledger-identities.ts';

/** What recover, replay, verify and prune believe of a ledger. */
export const engineControls: readonly ControlledTests[] = [
  {
    tests: readers,
    within: /^recover\(\) believes nothing/,
    controls: [
      {
        file: 'src/ledger/secret-history.ts',
        text: 'if (record.seqno <= until) collected.add(record);',
        replacement: 'collected.add(record);',
        fails: /with members’ keys: |a node that nobody endorsed is an error/,
      },
      {
        file: replay,
        text: '    this.#checkSigner();',
        fails: /a ledger that a stranger signed last is refused as his$/,
      },
      {
        file: replay,
        text: '    throw failure.error;',
        fails: /a node that nobody endorsed is an error, though a secret of his hides what lies/,
      },
      {
        file: 'src/ledger/verify-signatures.ts',
        text: '  checkView(decoded.txId.view, view);',
        fails: /a signature that says another view than its entry$/,
      },
    ],
  },
  {
    tests: readers,
    within: /^verifySnapshot\(\) with a ledger|^a service that a stranger signed/,
    controls: [
      {
        file: signedLedger,
        text: 'if (this.#pinned.length === 0 || this.#isVouchedFor(this.#signers)) this.#trustedUntil = seqno;',
        replacement: 'this.#trustedUntil = seqno;',
        fails: /a service that a stranger signed moves no beginning|a stranger signed last/,
      },
      {
        file: 'src/ledger/collected-identities.ts',
        text: 'startsOf(identities.filter(({ seqno }) => seqno <= trustedUntil))',
        replacement: 'startsOf(identities)',
        fails: /a service that a stranger signed moves no beginning/,
      },
      {
        file: signedLedger,
        text: 'introduced(this.#signedUntil)',
        replacement: 'introduced(this.#last)',
        fails: /the tail introduces a service, and a snapshot is signed by that$/,
      },
    ],
  },
  {
    tests: 'test/recovery/recover-trust.test.ts',
    controls: [
      {
        file: replay,
        text: '    if (signatures === undefined && snapshot === undefined) throw unsigned(ledger.directory);',
        fails: /a ledger without any signature is refused/,
      },
    ],
  },
  {
    tests: 'test/attacks/false-evidence.test.ts',
    controls: [
      {
        file: evidence,
        text: 'evidence?.version === seqno && evidence.hash === digest',
        replacement: 'evidence !== undefined && evidence.hash === digest',
        fails: /evidence of another seqno$/,
      },
      {
        file: evidence,
        text: 'evidence?.version === seqno && evidence.hash === digest',
        replacement: 'evidence?.version === seqno',
        fails: /evidence of the real snapshot$/,
      },
      {
        file: verify,
        text: '    await this.#checkEvidence(file.fileName, verified);',
        fails: /verifySnapshot\(\): /,
      },
      {
        file: 'src/verification/newest-valid.ts',
        text: '    await this.#checkEvidence(file, verification);',
        fails: /prune\(\): /,
      },
      {
        file: recovery,
        text: 'if (seqno + 1 === first) return this.#evidenceFlaw(file, proven);',
        replacement: 'if (seqno + 1 === first) return undefined;',
        fails: /recover\(\) of a ledger that begins behind it: /,
      },
      {
        file: recovery,
        text: '{\n      return this.#evidenceFlaw(file, proven);',
        replacement: '{\n      return undefined;',
        fails: /> recover\(\): |a node’s own start refuses a snapshot that its ledger only claims$/,
      },
    ],
  },
  {
    tests: 'test/cli/commands/replay-pins.test.ts',
    controls: [
      {
        file: 'src/cli/commands/replay-command.ts',
        text: 'trusted || serviceCert.length === 0 ? 0 : 1,',
        replacement: '0,',
        fails: /^replay --service-cert on (a made ledger|real ledgers)/,
      },
      {
        file: identities,
        text: '(await isTrusted({ signers, end }, { pinned, endorsements, starts: startsOf(identities) }))',
        replacement: 'pinned.length > 0',
        fails: /^replay --service-cert on (a made ledger|real ledgers)/,
      },
      {
        file: identities,
        text: 'return isMeant && isEndOf(link, source.ends.get(next.seqno));',
        replacement: 'return link.endorsedKeyId === keyId;',
        fails: /a second identity that endorses nobody: the link is not there$/,
      },
      {
        file: 'src/cli/commands/verify-command.ts',
        text: "'not trusted': 1,",
        replacement: "'not trusted': 0,",
        fails: /^verify of a snapshot that nobody pinned signed > exits 1, unless it is allowed$/,
      },
      {
        file: 'src/cli/output/replay-output.ts',
        text: '  if (unsigned !== undefined) {',
        replacement: '  if (unsigned === null) {',
        fails: /^a tail that steers and is not signed > replay names it/,
      },
      {
        file: 'src/cli/commands/recover-command.ts',
        text: '    torn,\n    unsigned,\n',
        replacement: '    torn,\n',
        fails: /^a tail that steers and is not signed > recover names it/,
      },
    ],
  },
];
