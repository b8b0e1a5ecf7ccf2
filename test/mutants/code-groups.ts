/** Source files that are held to the same bound. */
export interface CodeGroup {
  /** How many in a hundred of the mutants that are not proven equivalent must be noticed. */
  readonly scoreMin: number;
  /** The tests that must notice, by source file: the narrowest set, as each mutant runs them. */
  readonly tests: Readonly<Record<string, readonly string[]>>;
}

/** Codecs, each with the tests of its noun and of these others. */
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
    tests: codecs(['verify-snapshot'], { 'verify-snapshot': ['hostile-receipts'] }),
  },
  spool: {
    scoreMin: 100,
    tests: { 'src/files/spool.ts': ['test/files/spool.test.ts', 'test/files/spool-crash.test.ts'] },
  },
  effects: {
    scoreMin: 100,
    tests: { 'src/snapshotter/generation-work.ts': ['test/snapshotter/generation-work.test.ts'] },
  },
  parsers: {
    scoreMin: 90,
    tests: codecs(
      [
        'cbor',
        'certificate',
        'cose-receipt',
        'cose-sign1',
        'cose-sign1-gate',
        'entry',
        'json-receipt',
        'ledger-chunk',
        'merkle-tree',
        'snapshot-body',
        'write-set',
      ],
      {
        cbor: ['hostile-receipts'],
        'cose-sign1': ['cose-sign1-gate'],
        'cose-sign1-gate': ['cose-sign1'],
        'ledger-chunk': ['file-name', 'ledger-tail'],
        'snapshot-body': ['snapshot-file'],
      },
    ),
  },
};
