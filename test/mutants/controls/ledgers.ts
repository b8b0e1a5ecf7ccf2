import type { ControlledTests } from './types.ts';

const keyed = 'src/replay/keyed-signatures.ts';
const run = 'src/replay/tree-run.ts';
const levels = 'src/replay/ledger-levels.ts';
const copies = 'src/files/ledger/chunk-copies.ts';

/** What copies of a ledger, a part of one, and its earlier identities must not be believed. */
export const ledgerControls: readonly ControlledTests[] = [
  {
    tests: 'test/replay/levels.test.ts',
    controls: [
      {
        file: keyed,
        text: "  if (identity !== undefined) checkSame('KID_MISMATCH', serviceKeyId, identity.keyId);",
        fails: /a key that the signing identity of the run does not name is refused$/,
      },
      {
        file: keyed,
        text: '  await verifyCoseSign1(message, key, tree.root());',
        fails: /a changed signature of the service/,
      },
      {
        file: keyed,
        text: '  await verifyNodeSignature({ signature: signature.signature, preimage, key });',
        fails: /a changed signature of a node/,
      },
      {
        file: 'src/ledger/verify-signatures.ts',
        text: '  checkView(signature.view, view);',
        fails: /a node’s signature of another view/,
      },
      {
        file: run,
        text: '      if (at < tree.firstLeaf || equalBytes(tree.leafAt(at), leaf)) continue;',
        replacement: '      if (leaf.length > 0) continue;',
        fails: /a changed entry is found at the level tree/,
      },
      {
        file: levels,
        text: 'by !== undefined && isTrusted({ signers: by, end: at }, source, isInTime),',
        replacement: 'by !== undefined || at !== undefined || source !== undefined,',
        fails: /trusted only when each of its runs is/,
      },
    ],
  },
  {
    tests: 'test/replay/ledger-copies.test.ts',
    controls: [
      {
        file: copies,
        text: '    if (isCommitted(other) || viewOf(mine) === viewOf(theirs)) {',
        replacement: '    if (isCommitted(other) && viewOf(mine) !== viewOf(theirs)) {',
        fails:
          /one bit changed|another entry of the same view|is read beside its open chunk|cut off is told/,
      },
    ],
  },
  {
    tests: 'test/ledger/vouching.test.ts',
    controls: [
      {
        file: 'src/ledger/vouching.ts',
        text: 'isVouchedFor(signers, [link.endorsedKey]) && fits(link, end)',
        replacement: 'isVouchedFor(signers, [link.endorsedKey])',
        fails: /is not trusted|makes a part trusted, and no end/,
      },
      {
        file: 'src/ledger/vouching.ts',
        text: ': isInEpoch(link, end.txId);',
        replacement: ': true;',
        fails: /is not trusted/,
      },
      {
        file: 'src/ledger/vouching.ts',
        text: ' && endRoot === end?.root',
        fails: /over another root/,
      },
    ],
  },
  {
    tests: 'test/ledger/endorsed-services.test.ts',
    controls: [
      {
        file: 'src/ledger/endorsed-services.ts',
        text: '    checkInEpoch(service.keyId, service, { transaction: placeOf(txId) });',
        fails: /refuses what is not/,
      },
    ],
  },
];
