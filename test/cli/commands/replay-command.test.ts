import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { decodeEnvelope } from '../../../src/formats/entries/entry.ts';
import { decodeSnapshotEvidence, tables } from '../../../src/formats/entries/tables.ts';
import {
  decodePublicDomain,
  mapWrites,
  singletonValue,
} from '../../../src/formats/entries/write-set.ts';
import { type CcfService, readCcfLedger, testOnCcfData } from '../../helpers/ccf-testdata.ts';
import { type CliRun, linesOf, objectsOf, runCli, runHere } from '../run-cli.ts';
import { copyLedger, inCcfData, temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();
const fresh = (name: string) => join(directory, name);

function replay(service: CcfService, ...more: string[]): Promise<CliRun> {
  return runCli(['replay', inCcfData(service, 'ledger'), '--no-progress', ...more]);
}

/** The same without a process of its own. */
function replayHere(service: CcfService, ...more: string[]): Promise<CliRun> {
  return runHere(['replay', inCcfData(service, 'ledger'), '--no-progress', ...more]);
}

const keysOf = (service: CcfService) => [
  ...['--member-keys', inCcfData(service, 'common')],
  ...['--service-cert', inCcfData(service, 'common', 'service_cert.pem')],
];

interface Evidence {
  readonly seqno: number;
  readonly evidenceSeqno: number;
  readonly digest: string;
  readonly entryType: number;
  /** Seqno of the first signature after it. */
  readonly signed: number;
}

/** What a ledger vouches for, read with nothing but the codecs. */
function evidencesOf(service: CcfService): readonly Evidence[] {
  const domains = readCcfLedger(service).flatMap(({ entries }) =>
    entries.map(({ bytes }) => decodePublicDomain(decodeEnvelope(bytes).publicDomain)),
  );
  const signed = domains
    .filter((domain) => mapWrites(domain, tables.tree))
    .map(({ seqno }) => seqno);
  return domains.flatMap((domain) => {
    const writes = mapWrites(domain, tables.snapshotEvidence);
    const value = writes && singletonValue(writes);
    if (value === undefined) return [];
    const { version, hash } = decodeSnapshotEvidence(value);
    const next = signed.find((seqno) => seqno > domain.seqno) ?? 0;
    const at = { seqno: version, evidenceSeqno: domain.seqno, signed: next };
    return [{ ...at, digest: hash, entryType: domain.type }];
  });
}

/** The line promised for a snapshot that came out identical. */
function identicalLine(evidence: Evidence, profile: string, receipt: string): string {
  const { seqno, evidenceSeqno, digest, signed } = evidence;
  const suffix = receipt === 'none' ? `_${signed}` : '';
  return JSON.stringify({
    seqno,
    evidenceSeqno,
    digest,
    evidence: digest,
    result: 'identical',
    profile,
    receipt,
    file: `snapshot_${seqno}_${evidenceSeqno}.committed${suffix}`,
  });
}

const summaries = {
  eol_service: [500, 500, 85, 0, 110, 28],
  double_sealed_service: [509, 509, 156, 156, 0, 27],
  cose_flipflop_service: [46, 46, 23, 5, 13, 1],
} as const;

/** Key, first seqno, and whether the next one endorses it. */
const identities = {
  eol_service: [
    ['43d784eb', 1, false],
    ['5b22c7f5', 36, false],
    ['a29fc101', 66, false],
    ['56013408', 160, false],
    ['cddd7fb3', 329, undefined],
  ],
  double_sealed_service: [
    ['25d7fc06', 1, true],
    ['30383b5a', 484, undefined],
  ],
  cose_flipflop_service: [['df77875d', 1, undefined]],
} as const;

/** The line promised at the end, key ids shortened. */
function summaryLine(service: CcfService): string {
  const [transactions, verifiedUntil, nodeSignatures, coseSignatures, privateDomains, evidences] =
    summaries[service];
  const [files, roots] = extents[service];
  const signatures = nodeSignatures + coseSignatures;
  const checked = { files, entries: transactions, copies: 0, roots, signatures, notVerified: 0 };
  return JSON.stringify({
    summary: true,
    transactions,
    verifiedUntil,
    nodeSignatures,
    coseSignatures,
    privateDomains,
    evidences,
    identical: evidences,
    passedOver: [],
    identities: identities[service].map(([keyId, seqno, endorsed]) => ({ keyId, seqno, endorsed })),
    trusted: true,
    ...{
      level: 'full',
      checked,
      runs: [{ first: 1, last: transactions, ...checked, uncovered: [] }],
    },
    ...{ gaps: [], overlaps: [] },
  });
}

/** Chunks of each ledger, and its signature transactions. */
const extents: Readonly<Record<CcfService, readonly [files: number, roots: number]>> = {
  eol_service: [49, 85],
  double_sealed_service: [33, 156],
  cose_flipflop_service: [2, 23],
};

const shortened = (line: string) => line.replace(/("keyId":"[0-9a-f]{8})[0-9a-f]{56}/g, '$1');

describe.concurrent('replay --json', () => {
  testOnCcfData('eol_service: 28 snapshots of three producers, byte for byte', async () => {
    const out = fresh('eol');
    const args = [...keysOf('eol_service'), '--out', out, '--receipt', 'json', '--json'];
    const { status, stdout, stderr } = await replay('eol_service', ...args);
    const expected = evidencesOf('eol_service').map((evidence) => {
      if (evidence.entryType === 0) return identicalLine(evidence, '1', 'none');
      return identicalLine(evidence, evidence.seqno < 93 ? '2' : '3+', 'json');
    });
    expect(expected).toHaveLength(28);
    expect(linesOf(stdout).map(shortened)).toEqual([...expected, summaryLine('eol_service')]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const name = 'snapshot_493_494.committed';
    const original = readFileSync(inCcfData('eol_service', 'snapshots', name));
    expect(readFileSync(join(out, name)).equals(original)).toBe(true);
    expect(readdirSync(out)).toHaveLength(28);
  });

  testOnCcfData('double_sealed_service: 27 snapshots, each then verified and trusted', async () => {
    const service = 'double_sealed_service';
    const out = fresh('double');
    const { status, stdout, stderr } = await replay(
      service,
      ...keysOf(service),
      '--out',
      out,
      '--json',
    );
    const expected = evidencesOf(service).map((one) => identicalLine(one, '3+', 'cose'));
    expect(linesOf(stdout).map(shortened)).toEqual([...expected, summaryLine(service)]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const files = readdirSync(out).map((file) => join(out, file));
    const cert = ['--service-cert', inCcfData(service, 'common', 'service_cert.pem')];
    const ledger = ['--ledger', inCcfData(service, 'ledger')];
    const verified = await runCli(['verify', ...files, ...cert, ...ledger, '--json']);
    expect(verified.status).toBe(0);
    expect(objectsOf(verified.stdout)).toHaveLength(27);
    for (const line of objectsOf(verified.stdout)) {
      expect(line).toMatchObject({ verified: true, trusted: true });
    }
  });

  testOnCcfData('cose_flipflop_service: one snapshot, without --out no file is named', async () => {
    const service = 'cose_flipflop_service';
    const tmp = fresh('tmp');
    mkdirSync(tmp);
    const args = [
      'replay',
      inCcfData(service, 'ledger'),
      ...keysOf(service),
      '--json',
      '--no-progress',
    ];
    const { status, stdout, stderr } = await runCli(args, { env: { TMPDIR: tmp } });
    const [evidence] = evidencesOf(service);
    const line = evidence && identicalLine(evidence, '3+', 'cose').replace(/,"file":"[^"]*"/, '');
    expect(linesOf(stdout).map(shortened)).toEqual([line, summaryLine(service)]);
    expect(status).toBe(0);
    expect(stderr).toBe('the snapshots were thrown away again: --out DIR keeps the files\n');
    expect(readdirSync(tmp)).toEqual([]);
  });

  testOnCcfData('all three together: 264 node signatures, 161 COSE, 123 private domains', () => {
    const sums = Object.values(summaries).reduce(
      ([n, c, p], [, , node, cose, priv]) => [n + node, c + cose, p + priv] as const,
      [0, 0, 0] as readonly [number, number, number],
    );
    expect(sums).toEqual([264, 161, 123]);
  });
});

describe.concurrent('replay for people', () => {
  testOnCcfData('prints a table and what the ledger lacks', async () => {
    const service = 'eol_service';
    const { status, stdout } = await replayHere(service, ...keysOf(service), '--at', '493');
    expect(linesOf(stdout).map((line) => line.replace(/([0-9a-f]{8})[0-9a-f]{56}/, '$1'))).toEqual([
      'SEQNO  EVIDENCE  DIGEST             RESULT     WRITTEN BY      RECEIPT',
      '  493       494  3c4e60b6a4d16c54…  identical  CCF 3 or later  json',
      '',
      'transactions     500, verified to seqno 500',
      'node signatures  85 verified',
      'COSE signatures  not present',
      'private domains  110 decrypted',
      ...identities[service].map(
        ([keyId, seqno, endorsed]) =>
          `identity         ${keyId} from seqno ${seqno}, ${endorsed === undefined ? 'trusted' : 'NOT ENDORSED by the next'}`,
      ),
      '',
      '1 of 1 snapshot identical',
    ]);
    expect(status).toBe(0);
  });

  testOnCcfData('shows progress as lines where there is no terminal, never on stdout', async () => {
    const service = 'double_sealed_service';
    const { stdout, stderr } = await runCli(['replay', inCcfData(service, 'ledger')]);
    expect(stdout).not.toContain('replaying');
    expect(stderr).not.toContain('\r');
  });
});

describe.concurrent('replay --receipt and --at', () => {
  testOnCcfData('a form that the ledger has not: compared, without file and receipt', async () => {
    const service = 'eol_service';
    const out = fresh('no-form');
    const form = ['--receipt', 'cose', '--at', '493', '--out', out, '--json'];
    const { status, stdout } = await replayHere(service, ...keysOf(service), ...form);
    const [line] = objectsOf(stdout);
    expect(line).toMatchObject({ seqno: 493, result: 'identical', receipt: 'none' });
    expect(line).not.toHaveProperty('file');
    expect({ status, files: readdirSync(out) }).toEqual({ status: 0, files: [] });
  });

  testOnCcfData('a seqno that the ledger vouches for no snapshot of: exit 2', async () => {
    const service = 'cose_flipflop_service';
    const { status, stdout, stderr } = await replayHere(service, ...keysOf(service), '--at', '5');
    expect(status).toBe(2);
    expect(stderr).toContain('the ledger vouches for no snapshot of seqno 5');
    expect(stdout).toContain('verified to seqno 46');
  });
});

describe.concurrent('replay --from', () => {
  testOnCcfData('starts from a snapshot when older chunks are gone', async () => {
    const ledger = copyLedger('eol_service', directory, 'suffix');
    for (const file of readdirSync(ledger)) if (file !== 'ledger_494') rmSync(join(ledger, file));
    const from = inCcfData('eol_service', 'snapshots', 'snapshot_493_494.committed');
    const args = [...keysOf('eol_service'), '--json'];
    const without = await runHere(['replay', ledger, ...args]);
    expect(without.status).toBe(3);
    expect(without.stderr).toContain('--from');
    const { status, stdout } = await runHere(['replay', ledger, '--from', from, ...args]);
    const [evidence] = evidencesOf('eol_service').slice(-1);
    const { digest } = evidence ?? { digest: 'none' };
    expect(objectsOf(stdout)).toMatchObject([
      { seqno: 493, evidenceSeqno: 494, digest, evidence: digest, result: 'identical' },
      { summary: true, transactions: 7, verifiedUntil: 500, evidences: 1, identical: 1 },
    ]);
    expect(status).toBe(0);
  });

  testOnCcfData('refuses a snapshot that does not verify: exit 1', async () => {
    const name = 'snapshot_493_494.committed';
    const bytes = readFileSync(inCcfData('eol_service', 'snapshots', name));
    bytes[1000] = (bytes[1000] ?? 0) ^ 1;
    writeFileSync(fresh(name), bytes);
    const { status, stderr } = await replayHere('eol_service', '--from', fresh(name));
    expect(status).toBe(1);
    expect(stderr).toContain('[CLAIMS_DIGEST_MISMATCH]');
  });
});

describe.concurrent('replay without the ledger secrets', () => {
  const service = 'eol_service';

  testOnCcfData('cannot compare anything: exit 3, no file', async () => {
    const out = fresh('closed');
    const { status, stdout, stderr } = await replayHere(service, '--out', out, '--json');
    const results = objectsOf(stdout).slice(0, -1);
    expect(results).toHaveLength(28);
    for (const line of results) {
      expect(Object.keys(line)).toEqual([
        'seqno',
        'evidenceSeqno',
        'digest',
        'evidence',
        'result',
        'profile',
        'receipt',
      ]);
      const unknown = { digest: null, profile: null };
      expect(line).toMatchObject({ result: 'not-comparable', receipt: 'none', ...unknown });
    }
    expect({ status, files: readdirSync(out) }).toEqual({ status: 3, files: [] });
    expect(stderr).toContain('without member keys the private data of 28 snapshots of 28');
  });

  testOnCcfData('keys of somebody else open nothing: exit 3, and it says so', async () => {
    const foreign = inCcfData('double_sealed_service', 'common');
    const { status, stdout, stderr } = await replayHere(service, '--member-keys', foreign);
    expect(status).toBe(3);
    expect(stderr).toContain('the 3 member keys open no ledger secret');
    expect(stdout).toContain('private domains  none decrypted');
    expect(stdout).toContain('0 of 28 snapshots identical');
  });

  testOnCcfData('existing files are compared in their public half', async () => {
    const snapshots = ['--snapshots', inCcfData(service, 'snapshots'), '--json'];
    const { status, stdout } = await replayHere(service, ...snapshots);
    const results = objectsOf(stdout).slice(0, -1);
    expect(results.filter(({ result }) => result === 'not-comparable')).toHaveLength(27);
    expect(results.at(-1)).toMatchObject({
      seqno: 493,
      result: 'public-identical',
      profile: '3+',
      receipt: 'none',
    });
    expect(status).toBe(3);
  });

  testOnCcfData('one existing file alone, compared in public, is true: exit 0', async () => {
    const snapshots = ['--snapshots', inCcfData(service, 'snapshots'), '--at', '493'];
    const { status, stdout } = await replayHere(service, ...snapshots);
    expect(stdout).toContain('0 of 1 snapshot identical, 1 more in their public half');
    expect(status).toBe(0);
  });

  testOnCcfData('an existing file that differs is told: exit 1', async () => {
    const snapshots = fresh('differing');
    cpSync(inCcfData(service, 'snapshots'), snapshots, { recursive: true });
    const file = join(snapshots, 'snapshot_493_494.committed');
    const bytes = readFileSync(file);
    bytes[1000] = (bytes[1000] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    const args = ['--snapshots', snapshots, '--at', '493', '--json'];
    const { status, stdout, stderr } = await replayHere(service, ...args);
    expect(objectsOf(stdout)[0]).toMatchObject({ seqno: 493, result: 'different' });
    expect(status).toBe(1);
    expect(stderr).toContain('the snapshot of seqno 493 (evidence 494) is not the one');
  });
});

describe.concurrent('replay --out where files lie already', () => {
  const service = 'cose_flipflop_service';
  const name = 'snapshot_14_15.committed';

  testOnCcfData('identical ones are fine, another one is left alone: exit 3', async () => {
    const out = fresh('twice');
    const args = [...keysOf(service), '--out', out, '--json'];
    const first = await replayHere(service, ...args);
    const second = await replayHere(service, ...args);
    expect(second).toEqual(first);
    expect(second.status).toBe(0);
    writeFileSync(join(out, name), 'another');
    const third = await replayHere(service, ...args);
    expect(third.status).toBe(3);
    expect(third.stderr).toContain(`another ${name} is there: kept`);
    expect(readFileSync(join(out, name), 'utf8')).toBe('another');
    expect(readdirSync(out)).toEqual([name]);
    expect(existsSync(join(out, 'lock'))).toBe(false);
  });
});
