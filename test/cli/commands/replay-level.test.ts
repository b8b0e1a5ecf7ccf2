import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { testOnCcfData } from '../../helpers/ccf-testdata.ts';
import { linesOf, objectsOf, runHere } from '../run-cli.ts';
import { copyLedger, inCcfData, temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();
const service = 'double_sealed_service';
const pin = () => ['--service-cert', inCcfData(service, 'common', 'service_cert.pem')];
const replay = (...args: readonly string[]) => runHere(['replay', ...args]);

describe('replay --level', () => {
  testOnCcfData('chunks says that no root and no signature was checked', async () => {
    const { status, stdout, stderr } = await replay(
      inCcfData(service, 'ledger'),
      '--level',
      'chunks',
    );
    expect(linesOf(stdout)).toEqual([
      'files    33 read',
      'entries  509, seqnos 1 to 509',
      '',
      'checked: files, entries and their order; no root, no signature, no snapshot',
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  testOnCcfData('tree says how many roots and signatures, and whose', async () => {
    const ledger = inCcfData(service, 'ledger');
    const { status, stdout, stderr } = await replay(ledger, '--level', 'tree', ...pin());
    expect(stdout).toContain('156 computed again');
    expect(stdout).toContain('312 verified');
    expect(stdout).toContain('no snapshot');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const json = await replay(ledger, '--level', 'tree', ...pin(), '--json');
    expect(objectsOf(json.stdout)).toMatchObject([
      { level: 'tree', checked: { roots: 156, signatures: 312 }, trusted: true },
    ]);
  });

  testOnCcfData(
    'of a ledger with gaps checks what is there, where full names the levels',
    async () => {
      const ledger = copyLedger(service, directory, 'gaps');
      const names = readdirSync(ledger).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
      for (const name of [names[0], names[12]]) rmSync(join(ledger, name ?? ''));
      const full = await replay(ledger);
      expect(full.status).toBe(3);
      expect(full.stderr).toContain('[CHUNK_GAP]');
      expect(full.stderr).toContain('--level tree');
      const tree = await replay(ledger, '--level', 'tree', ...pin());
      expect(tree.stdout).toContain('missing     seqnos 1 to 2, 187 to 206');
      expect(tree.stdout).toContain('298 verified');
      expect({ status: tree.status, stderr: tree.stderr }).toEqual({ status: 0, stderr: '' });
      const chunks = await replay(ledger, '--level', 'chunks');
      expect({ status: chunks.status, stderr: chunks.stderr }).toEqual({ status: 0, stderr: '' });
    },
  );

  testOnCcfData('of one chunk alone says that nobody is known who signed it', async () => {
    const ledger = join(directory, 'alone');
    mkdirSync(ledger);
    const name = 'ledger_452-473.committed';
    copyFileSync(inCcfData(service, 'ledger', name), join(ledger, name));
    const { status, stdout, stderr } = await replay(ledger, '--level', 'tree');
    expect(status).toBe(3);
    expect(stdout).toContain('missing     seqnos 1 to 451');
    expect(stdout).toContain('NOT VERIFIED');
    expect(stderr).toContain('next: name the service that made them with --service-cert');
  });

  testOnCcfData.for<[string, string[]]>([
    ['--at', ['--level', 'tree', '--at', '14']],
    ['--out', ['--level', 'tree', '--out', 'x']],
    ['--member-keys', ['--level', 'chunks', '--member-keys', 'x']],
    ['--service-cert', ['--level', 'chunks', '--service-cert', 'x']],
  ])('refuses %s where the level leaves nothing for it to do', async ([option, args]) => {
    const { status, stderr } = await replay(inCcfData(service, 'ledger'), ...args);
    expect(status).toBe(2);
    expect(stderr).toContain(`${option} has no meaning at --level`);
  });
});

describe('two nodes’ chunks in one directory', () => {
  testOnCcfData('one byte changed in one of them: exit 1, the seqno and both files', async () => {
    const ledger = copyLedger(service, directory, 'copies');
    const other = join(directory, 'copies-of-another-node');
    mkdirSync(other);
    const name = 'ledger_452-473.committed';
    copyFileSync(join(ledger, name), join(other, name));
    const same = await replay(ledger, '--read-only-ledger', other, '--level', 'tree', ...pin());
    expect(same.stderr).toBe('22 entries also in 1 other file: byte for byte the same\n');
    expect(same.status).toBe(0);
    const bytes = readFileSync(join(other, name));
    bytes[200] = (bytes[200] ?? 0) ^ 1;
    writeFileSync(join(other, name), bytes);
    for (const level of ['chunks', 'tree', 'full']) {
      const changed = await replay(ledger, '--read-only-ledger', other, '--level', level);
      expect(changed.status).toBe(1);
      expect(changed.stderr).toContain('[LEDGER_COPIES_DIFFER]');
      expect(changed.stderr).toContain('seqno 452');
      for (const file of [join(ledger, name), join(other, name)]) {
        expect(changed.stderr).toContain(file);
      }
    }
  });
});
