import type { Control, ControlledTests } from './types.ts';

const policies = 'test/verification/snapshot-policies.test.ts';
const verify = 'src/verification/verify.ts';
const candidates = 'src/recovery/candidate-files.ts';
const recovery = 'src/recovery/recovery-ports.ts';
const newest = 'src/verification/newest-valid.ts';
const warnings = 'src/files/file-warnings.ts';

/** Which snapshot files are read and believed, and how much of them. */
export const snapshotControls: readonly ControlledTests[] = [
  within('a snapshot that others could change', [
    {
      file: verify,
      text: 'if (strict && warning !== undefined) throw warning;',
      fails: /verifySnapshot\(\) warns by code|list and verify print the code/,
    },
    {
      file: candidates,
      text: 'if (options.strict) throw warning;',
      fails: /recover\(\) and createNode\(\) log the code/,
    },
    {
      file: warnings,
      text: '0o022;',
      replacement: '0;',
      fails: /INSECURE_MODE|says so|log the code/,
    },
    {
      file: warnings,
      text: "kind === 'file' && links > 1",
      replacement: 'links > 1e9',
      fails: /HARDLINK_REFUSED|list and verify print the code/,
    },
  ]),
  within('a file under the name of one that was never committed', [
    {
      file: 'src/formats/encoding/file-name.ts',
      text: 'if (name?.committed === true) return name;',
      replacement: 'if (name !== undefined) return name;',
      fails: /says that snapshot_10_12 is none/,
    },
  ]),
  within('a floor', [
    {
      file: recovery,
      text: '      this.#checkFloor(replay);',
      fails: /recover\(\) refuses a state below it/,
    },
    {
      file: verify,
      text: '    checkFloor(verified.seqno, this.#parts.minSeqno, path);',
      fails: /verifySnapshot\(\) refuses what is below it|verify --min-seqno/,
    },
  ]),
  within('two files of one seqno that verify and differ', [
    {
      file: 'src/cli/output/twin-outcomes.ts',
      text: 'this.#forkOf(next, outcome, twins) ?? outcome',
      replacement: 'outcome',
      fails: /verify refuses both, whichever comes first/,
    },
  ]),
  within('a second snapshot of one seqno that the service has signed', [
    {
      file: recovery,
      text: '    if (fork !== undefined) return fork;',
      fails: /recover\(\) and createNode\(\) use neither/,
    },
    {
      file: newest,
      text: '    if (fork !== undefined) return this.#refuse(candidate, fork);',
      fails: /prune\(\) uses neither/,
    },
  ]),
  within('prune() removes nothing for a newest valid snapshot that was replaced', [
    {
      file: 'src/files/retention.ts',
      text: 'if (identity !== undefined && (await fileSystem.stat(path))?.identity !== identity) {',
      replacement: "if (path === '') {",
      fails: /that was replaced since it was verified$/,
    },
  ]),
  within('a verdict of the live page', [
    {
      file: 'src/http/verified-files.ts',
      text: 'identity}`',
      replacement: "''}`",
      fails: /ends with the file/,
    },
    {
      file: 'src/io/real-file-system.ts',
      text: '[dev, ino, size, mtimeNs, ctimeNs]',
      replacement: '[dev, ino, size, mtimeNs]',
      fails: /one rewritten in place with its times set back/,
    },
  ]),
  {
    tests: 'test/machines/recovery-order.test.ts',
    controls: [
      {
        file: 'machines/recovery.ts',
        text: 'candidates: sparseLast(candidates),',
        replacement: 'candidates,',
        fails: /tries sparse files last/,
      },
    ],
  },
  {
    tests: 'test/verification/bounded-work.test.ts',
    within: /(64 MiB under the receipt|leaves one where it is)/,
    controls: [
      {
        file: newest,
        text: 'for (const candidate of [...(whole ?? []), ...(sparse ?? [])]) {',
        replacement: 'for (const candidate of candidates) {',
        fails: /prune\(\) tries one that is newer than a good one last/,
      },
      {
        file: candidates,
        text: "  'SNAPSHOT_TOO_LARGE',",
        fails: /createNode\(\) leaves one where it is that is larger than it may be/,
      },
      {
        file: 'src/node/quarantine.ts',
        text: 'return identity === undefined ? flawOf(path, environment) : error;',
        replacement: 'return flawOf(path, environment);',
        fails: /createNode\(\) reads it once/,
      },
      {
        file: candidates,
        text: '    await withEither(verifiers, (one) => this.#onFile(file, () => one.judge(path)));',
        fails: /reads next to nothing|leaves one where it is|reads it once/,
        nightly: true,
      },
      {
        file: verify,
        text: '    await this.judge(path);',
        fails: /verifySnapshot\(\) reads next to nothing|a stranger has signed|of 1 TiB/,
        nightly: true,
      },
      {
        file: verify,
        text: '    checkFileBytes(ends, fileBytesMax);',
        fails: /larger than/,
        nightly: true,
      },
      {
        file: 'src/formats/snapshot/receipt-judgement.ts',
        text: '  checkNames(claim.evidence, options.fileName);',
        fails: /reads next to nothing|reads it once/,
        nightly: true,
      },
      {
        file: 'src/formats/snapshot/receipt-judgement.ts',
        text: '    await verifySnapshotReceipt(receipt, subject, options);',
        fails: /reads next to nothing|a stranger has signed|reads it once/,
        nightly: true,
      },
    ],
  },
];

function within(name: string, controls: readonly Control[]): ControlledTests {
  return { tests: policies, within: new RegExp(`^${name.replace(/[()]/g, '\\$&')}`), controls };
}
