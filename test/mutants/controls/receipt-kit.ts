import type { ControlledTests } from './types.ts';

const at = (name: string) => `src/receipts/${name}.ts`;

/** What a receipt of any service must prove before the receipts entry says that it does. */
export const receiptKitControls: readonly ControlledTests[] = [
  {
    tests: 'test/receipts/cose-receipts.test.ts',
    controls: [
      {
        file: at('cose-receipt'),
        text: '    checkClaims(proof.claimsDigest, expected.claimsDigest);',
        fails: /(of other claims than expected|is refused when it is something else)/,
      },
      {
        file: at('cose-receipt'),
        text: 'if (named.length > 0) return named;',
        replacement: 'return services;',
        fails:
          /the key of a COSE receipt > (that the receipt names must be trusted|is found among)/,
      },
      {
        file: at('cose-receipt'),
        text: 'if (other === undefined) return first;',
        replacement: 'return first;',
        fails: /several inclusion proofs > of which .* does not hold/,
      },
      {
        file: at('cose-receipt'),
        text: '({ curve }) => curve === profile.curve',
        replacement: '() => true',
        fails: /(is refused for its curve|must be on the curve of alg)/,
      },
      {
        file: at('cose-receipt'),
        text: 'if (await isSignedBy(form, key, folded.root)) return',
        replacement: 'return',
        fails: /(found without kid|that did not sign|that nobody gave is unknown)/,
      },
      {
        file: at('place'),
        text: '  checkSignedAfter(txId, signature);',
        fails: /is refused when it is signed before it/,
      },
      {
        file: at('place'),
        text: 'return leadsFrom(path, txId.seqno, signature?.seqno) ? formatTxId(txId) : undefined;',
        replacement: 'return formatTxId(txId);',
        fails: /whose path begins at another leaf/,
      },
    ],
  },
  {
    tests: 'test/receipts/statements.test.ts',
    controls: [
      {
        file: at('statement'),
        text: 'const own = { ...expected, claimsDigest, entries',
        replacement: 'const own = { ...expected, entries',
        fails: /(grafted on is refused|is another statement)/,
      },
      {
        file: at('statement'),
        text: 'if (isOfUnknownService(error)) return',
        replacement: 'return',
        fails: /(grafted on is refused|that nobody wrote is refused|is another statement)/,
      },
      {
        file: at('statement'),
        text: 'if (verified.length === 0 && first',
        replacement: 'if (verified.length < 0 && first',
        fails: /(with several receipts names each|is not trusted without a key)/,
      },
      {
        file: at('statement'),
        text: '  if (isReceipt && isStatement) {',
        replacement: '  if (isReceipt && !isReceipt) {',
        fails: /that is a receipt as well/,
      },
    ],
  },
  {
    tests: 'test/receipts/json-receipts.test.ts',
    controls: [
      {
        file: at('json-receipt'),
        text: '  checkKind(node, false);',
        fails: /of a node that is a CA are refused/,
      },
      {
        file: at('json-receipt'),
        text: '    checkKind(endorsement, true);',
        fails: /of which one is no CA/,
      },
      {
        file: at('json-receipt'),
        text: 'if (!(await isIssuedBy(current, endorsement.key))) {',
        replacement: 'if (endorsement === undefined) {',
        fails: /endorsements > are refused/,
      },
      {
        file: at('json-receipt'),
        text: 'if (trusted !== undefined || services.length === 0) return trusted;',
        replacement: 'return trusted;',
        fails: /endorsements > are refused/,
      },
      {
        file: at('json-receipt'),
        text: '  if (isValid) return;',
        replacement: '  return;',
        fails: /(with a service as node|a receipt without a path|of a node that is a CA)/,
      },
      {
        file: at('json-receipt'),
        text: 'if (form.nodeId === undefined || form.nodeId === node.key.keyId) return node;',
        replacement: 'return node;',
        fails: /(of another node|with hex in capitals) is refused/,
      },
      {
        file: at('json-receipt'),
        text: 'if (form.isSignatureTransaction === true && components',
        replacement: 'if (form.isSignatureTransaction === null && components',
        fails: /of a signature transaction with parts is refused/,
      },
      {
        file: at('json-form'),
        text: '      checkNoSlip(field, [...spellings.keys()]);',
        fails: /with a field one letter off is refused/,
      },
    ],
  },
  {
    tests: 'test/receipts/azure-receipts.test.ts',
    controls: [
      {
        file: at('json-receipt'),
        text: '    checkClaims(claimsDigest, hexOf(digestOfClaims(form.applicationClaims)));',
        fails: /with application claims that the receipt is not of/,
      },
      {
        file: at('json-receipt'),
        text: '  checkTransactionId(form.transactionId, form.components?.commitEvidence);',
        fails: /its transaction compared/,
      },
    ],
  },
  {
    tests: 'test/receipts/trees.test.ts',
    controls: [
      {
        file: at('ccf-consistency'),
        text: 'if (path[0]?.left === false) return',
        replacement: 'return',
        fails: /a first sibling on the left/,
      },
      {
        file: at('cose-receipt'),
        text: 'isTrusted: trustedRoots.includes(olderRoot),',
        replacement: 'isTrusted: true,',
        fails:
          /consistency > (needs a root that is trusted|is refused for|must begin at a trusted root)/,
      },
      {
        file: at('rfc9162'),
        text: 'return equalBytes(older, olderRoot) ? newer : undefined;',
        replacement: 'return newer;',
        fails: /is refused for another root, a longer and a shorter path/,
      },
      {
        file: at('rfc9162'),
        text: "  if (last !== 0) throw wrongLength('fewer', proof.treeSize);",
        fails: /inclusion in a tree by RFC 9162 > is refused for/,
      },
      {
        file: at('rfc9162'),
        text: "    if (last === 0) throw wrongLength('more', proof.treeSize);",
        fails: /inclusion in a tree by RFC 9162 > is refused for/,
      },
      {
        file: at('cose-receipt'),
        text: 'if (fitting.length > 0) return fitting;',
        replacement: 'return candidates;',
        fails: /may have the root attached/,
      },
    ],
  },
  {
    tests: 'test/receipts/trust-anchors.test.ts',
    controls: [
      {
        file: at('keys/trust-anchor'),
        text: 'if (known !== keyId) {',
        replacement: 'if (known === undefined) {',
        fails: /(two keys with one kid|another key’s id|several sources)/,
      },
      {
        file: at('keys/trust-anchor'),
        text: '  if (blocks.length > 1) {',
        replacement: '  if (blocks.length > 9) {',
        fails: /refuses two certificates/,
      },
      {
        file: at('keys/ec-public-key'),
        text: 'if (equalBytes(key.spki, spki)) return key;',
        replacement: 'return key;',
        fails: /in another DER form than its own/,
      },
    ],
  },
];
