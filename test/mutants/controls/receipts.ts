import type { ControlledTests } from './types.ts';

const order = 'src/formats/signatures/proof-order.ts';
const verifier = 'src/formats/snapshot/verify-snapshot.ts';
const endorsement = 'src/formats/signatures/identity-endorsement.ts';

/** What the parts of a receipt say of each other, and what a receipt is. */
export const receiptControls: readonly ControlledTests[] = [
  {
    tests: 'test/attacks/receipt-numbers.test.ts',
    controls: [
      {
        file: 'src/formats/receipts/cose-receipt.ts',
        text: '  checkEvidencePlace({ evidence, signature: signature.txId }, proof.path);',
        fails: /refused: (a header|evidence (behind its end|that lies))/,
      },
      {
        file: 'src/formats/receipts/json-receipt.ts',
        text: '  checkEvidencePlace({ evidence, signature: undefined }, receipt.path);',
        fails: /refused in JSON: evidence (that lies elsewhere in|beyond) the tree/,
      },
      {
        file: order,
        text: 'if (leadsFrom(path, evidence.seqno, signature?.seqno)) return;',
        replacement: 'return;',
        fails: /(behind the leaves that are signed|evidence that lies|evidence beyond the tree)/,
      },
      {
        file: verifier,
        text: '  checkSnapshotPlace({ snapshot, evidence });',
        fails: /(a snapshot of|in a view before the snapshot’s)/,
      },
      {
        file: order,
        text: 'if (snapshot.view <= evidence.view) return;',
        replacement: 'return;',
        fails: /(in a view before the snapshot’s|a view that has not begun)$/,
      },
      {
        file: verifier,
        text: 'isEndorsed ? { snapshot, ...own } : own',
        replacement: 'own',
        fails: /refused: a snapshot before its beginning$/,
      },
      {
        file: verifier,
        text: '  checkInEpoch(serviceKeyId, epoch, isEndorsed ? { snapshot, ...own } : own);',
        fails: /(a retired key|a pinned key of which it is known)/,
      },
      {
        file: order,
        text: 'a.seqno <= b.seqno && a.view <= b.view',
        replacement: 'a.seqno <= b.seqno',
        fails: /(in a view behind|a view before) its|evidence before its first transaction$/,
      },
      {
        file: order,
        text: 'a.seqno < b.seqno && a.view <= b.view',
        replacement: 'a.seqno < b.seqno',
        fails: /refused: a header in an earlier view$/,
      },
      {
        file: verifier,
        text: 'if (receipt.isSignatureTransaction === true) {',
        replacement: 'if (receipt.isSignatureTransaction === null) {',
        fails: /refused in JSON: a receipt that says it is of a signature transaction$/,
      },
    ],
  },
  {
    tests: 'test/attacks/retired-key.test.ts',
    controls: [
      {
        file: endorsement,
        text: 'if (epochs.has(endorsedKeyId)) epochs.set(endorsedKeyId, { from, to });',
        replacement: 'void [endorsedKeyId, from, to];',
        fails: /has an end that is known/,
      },
      {
        file: endorsement,
        text: '{ from: serviceStarts.get(keyId) }',
        replacement: '{}',
        fails: /a newer identity > signs nothing of (before its service began|an older view)$/,
      },
      {
        file: 'src/ledger/evidence-entry.ts',
        text: 'return leaf !== undefined && equalBytes(leaf, evidenceLeaf);',
        replacement: 'return leaf !== undefined;',
        fails: /(signed in its time is trusted|has an end that is known)/,
      },
    ],
  },
  {
    tests: 'test/formats/receipts/hostile-receipts.test.ts',
    controls: [
      {
        file: verifier,
        text: ' && expected <= receiptBytesMax;',
        replacement: ';',
        fails: /(row 35: a receipt with .* of 2\^32-1 > |may lack as many bytes)/,
      },
      {
        file: verifier,
        text: ' && actual === receipt.length;',
        replacement: ';',
        fails: /row 5: a receipt that is cut > is not one whose proof is cut within itself/,
      },
      {
        file: verifier,
        text: 'if (receipt[0] === 0x7b) return error.offset === receipt.length;',
        replacement: 'if (error.offset === receipt.length) return true;',
        fails: /^(row (3\d|40|5): |a receipt of nothing but )/,
      },
      {
        file: verifier,
        text: 'if (first !== 0xd2) decodeCbor(receipt, { tags: coseTags });',
        fails: /^a receipt of nothing but /,
      },
      {
        file: 'src/formats/encoding/cbor.ts',
        text: 'const isContainer = first >= 0x80 && first < 0xe0;',
        replacement: 'const isContainer = first >= 0x80 && first < 0xc0 && info !== 31;',
        fails: /^(row 33: a receipt with nested|a receipt of nothing but) (tags|indefinite)/,
      },
      {
        file: 'src/formats/receipts/inclusion-proof.ts',
        text: 'if (leaf[2] === undefined) {',
        replacement: 'if (leaf[3] !== undefined) {',
        fails: /^row 55: /,
      },
    ],
  },
  {
    tests: 'test/cli/commands/other-kind.test.ts',
    controls: [
      {
        file: 'src/cli/commands/other-kind.ts',
        text: 'matches: (name) => parseChunkName(name) !== undefined,',
        replacement: 'matches: () => false,',
        fails: /^(a|an open) chunk > /,
      },
    ],
  },
  {
    tests: 'test/http/head.test.ts',
    controls: [
      {
        file: 'src/http/handler.ts',
        text: "if (method === 'HEAD') {",
        replacement: "if (method === 'NONE') {",
        fails: /^HEAD /,
      },
    ],
  },
  {
    tests: 'test/cli/options/config-bombs.test.ts',
    within: /its depth is refused before it is parsed/,
    controls: [
      {
        file: 'src/cli/options/config.ts',
        text: '  checkNesting(text, file);',
        fails: /its depth is refused before it is parsed/,
      },
    ],
  },
];
