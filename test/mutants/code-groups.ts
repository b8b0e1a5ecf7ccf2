/** Source files that are held to the same bound. */
export interface CodeGroup {
  /** How many in a hundred of the mutants that are not proven equivalent must be noticed. */
  readonly scoreMin: number;
  /** The tests that must notice, by source file: the narrowest set, as each mutant runs them. */
  readonly tests: Readonly<Record<string, readonly string[]>>;
}

/** Codecs by room and noun, each with the tests of its noun and of these others. */
const codecs = (
  nouns: readonly string[],
  others: Readonly<Record<string, readonly string[]>> = {},
): CodeGroup['tests'] =>
  Object.fromEntries(
    nouns.map((noun) => [
      `src/formats/${noun}.ts`,
      [noun, ...(others[noun] ?? [])].map((name) => `test/formats/${name}.test.ts`),
    ]),
  );

/** The code behind the charts whose every change the tests are to notice, by group. */
export const codeGroups: Readonly<Record<string, CodeGroup>> = {
  verifier: {
    scoreMin: 100,
    tests: codecs(['snapshot/verify-snapshot'], {
      'snapshot/verify-snapshot': ['receipts/hostile-receipts'],
    }),
  },
  spool: {
    scoreMin: 100,
    tests: { 'src/files/spool.ts': ['test/files/spool.test.ts', 'test/files/spool-crash.test.ts'] },
  },
  'generation-work': {
    scoreMin: 100,
    tests: { 'src/snapshotter/generation-work.ts': ['test/snapshotter/generation-work.test.ts'] },
  },
  parsers: {
    scoreMin: 90,
    tests: codecs(
      [
        'encoding/cbor',
        'keys/certificate',
        'receipts/cose-receipt',
        'signatures/cose-sign1',
        'signatures/cose-sign1-gate',
        'entries/entry',
        'receipts/json-receipt',
        'entries/ledger-chunk',
        'merkle/merkle-tree',
        'snapshot/snapshot-body',
        'entries/write-set',
      ],
      {
        'encoding/cbor': ['receipts/hostile-receipts'],
        'signatures/cose-sign1': ['signatures/cose-sign1-gate'],
        'signatures/cose-sign1-gate': ['signatures/cose-sign1'],
        'entries/ledger-chunk': ['encoding/file-name', 'entries/ledger-tail'],
        'snapshot/snapshot-body': ['snapshot/snapshot-file'],
      },
    ),
  },
};
