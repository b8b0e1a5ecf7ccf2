import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tables } from '../../../src/formats/entries/tables.ts';
import { testOnCcfData } from '../../helpers/ccf-testdata.ts';
import { MadeLedger } from '../../helpers/make-ledger.ts';
import { type Files, ledgerFiles } from '../../helpers/make-ledger-files.ts';
import { makeMembers } from '../../helpers/make-members.ts';
import { change } from '../../helpers/make-tables.ts';
import { replayMade } from '../../helpers/replay-made.ts';
import { objectsOf, runHere } from '../run-cli.ts';
import { inCcfData, temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();
const members = makeMembers(1);

function place(name: string, files: Files): string {
  const path = join(directory, name);
  mkdirSync(path, { recursive: true });
  for (const [file, bytes] of files) writeFileSync(join(path, file), bytes);
  return path;
}

function pin(name: string, { identity }: Pick<MadeLedger, 'identity'>): string {
  const path = join(directory, `${name}.pem`);
  writeFileSync(path, identity.serviceCertificate.pem);
  return path;
}

/** Two identities, the second of which endorses the first when it opens. */
const ledger = await MadeLedger.opened({ seed: 'replay pins', members });
ledger.transaction([change('app', { k: 'first' })]);
await ledger.signature();
const older = pin('older', ledger);
ledger.recover();
const ofTheFirst = ledger.entries.length - 1;
await ledger.signature();
const last = pin('last', ledger);
/** Ends while the first identity is in force. */
const before = place('before', ledgerFiles({ entries: ledger.entries.slice(0, ofTheFirst) }));
/** Ends before the second identity has endorsed the first. */
const unopened = place('unopened', ledgerFiles(ledger));
await ledger.open();
ledger.transaction([change('app', { k: 'second' })]);
await ledger.signature();
const whole = place('whole', ledgerFiles(ledger));
const stranger = pin('stranger', await MadeLedger.opened({ seed: 'a stranger', members }));

const [member] = members;
const pem = String(member?.privateKey.export({ type: 'pkcs8', format: 'pem' }));
const memberKeys = place('keys', new Map([['member0.pem', Buffer.from(pem)]]));

const warning = 'warning: nobody is pinned: anyone could have written this ledger';
const error = 'error: the last signature is of no service that you named, nor of one it endorses';

const pinsOf = (pins: readonly string[]) => pins.flatMap((path) => ['--service-cert', path]);

/** Exit status, whether it is said to be trusted, the links of its identities, and what stderr says of trust. */
async function replay(from: string, pins: readonly string[], keys = memberKeys) {
  const args = ['replay', from, '--member-keys', keys, ...pinsOf(pins), '--json'];
  const { status, stdout, stderr } = await runHere(args);
  const { trusted, identities } = objectsOf(stdout).at(-1) ?? {};
  const links = (identities as readonly { endorsed?: boolean }[]).map(({ endorsed }) => endorsed);
  const told = [warning, error].filter((line) => stderr.includes(line));
  return { status, trusted, links, told };
}

describe('replay --service-cert on a made ledger of two identities', () => {
  const links = [true, undefined];
  const good = { status: 0, trusted: true, told: [], links };
  const bad = { status: 1, trusted: false, told: [error], links };

  test('the last one pinned: exit 0', async () => {
    expect(await replay(whole, [last])).toEqual(good);
  });

  test('only the older one pinned: exit 1', async () => {
    expect(await replay(whole, [older])).toEqual(bad);
  });

  test('a stranger pinned: exit 1', async () => {
    expect(await replay(whole, [stranger])).toEqual(bad);
  });

  test.for([
    [last, 0],
    [older, 1],
  ] as const)('the same in text: %s, exit %i', async ([path, status]) => {
    const run = await runHere(['replay', whole, '--service-cert', path]);
    expect(run.status).toBe(status);
    expect(run.stderr.includes(error)).toBe(status === 1);
  });

  test('a stranger and the last one pinned: exit 0', async () => {
    expect(await replay(whole, [stranger, last])).toEqual(good);
  });

  test('nobody pinned: exit 0, and it says so', async () => {
    expect(await replay(whole, [])).toEqual({ ...good, trusted: false, told: [warning] });
  });

  test('a part that ends under the older one: that one pinned, exit 0', async () => {
    expect(await replay(before, [older])).toEqual({ ...good, links: [undefined] });
    expect(await replay(before, [last])).toEqual({ ...bad, links: [undefined] });
  });

  test('a second identity that endorses nobody: the link is not there', async () => {
    expect(await replay(unopened, [last])).toEqual({ ...good, links: [false, undefined] });
    expect(await replay(unopened, [older])).toEqual({ ...bad, links: [false, undefined] });
  });

  test('another history under a key that a pinned identity once endorsed: exit 1', async () => {
    const forked = await MadeLedger.opened({ seed: 'replay pins', members });
    const [first] = ledger.identities;
    expect(forked.identity.serviceCertificate.keyId).toBe(first?.serviceCertificate.keyId);
    const record = ledger.entries.flatMap(({ maps }) =>
      maps.filter(({ name }) => name === tables.identityEndorsement),
    );
    await forked.signature();
    forked.transaction(record.slice(-1));
    const behind = place('forked', ledgerFiles(forked));
    expect(await replay(behind, [last])).toMatchObject({ status: 1, trusted: false });
    await forked.signature();
    const signed = place('forked and signed', ledgerFiles(forked));
    expect(await replay(signed, [last])).toMatchObject({ status: 1, trusted: false });
    expect(await replay(signed, [stranger])).toMatchObject({ status: 1, trusted: false });
  });
});

describe('replay --service-cert on real ledgers', () => {
  const services = ['cose_flipflop_service', 'double_sealed_service'];
  const certificate = (service: string) => inCcfData(service, 'common', 'service_cert.pem');

  testOnCcfData.for(services)('%s', async (service) => {
    const from = inCcfData(service, 'ledger');
    const common = inCcfData(service, 'common');
    expect(await replay(from, [certificate(service)], common)).toMatchObject({
      ...{ status: 0, trusted: true, told: [] },
    });
    expect(await replay(from, [stranger], common)).toMatchObject({
      ...{ status: 1, trusted: false, told: [error] },
    });
    expect(await replay(from, [], common)).toMatchObject({
      ...{ status: 0, trusted: false, told: [warning] },
    });
  });
});

describe('verify of a snapshot that nobody pinned signed', async () => {
  const made = await MadeLedger.opened({ seed: 'verify pins', members });
  made.vouch(await made.signature());
  await made.signature();
  const own = pin('its own', made);
  made.recover();
  await made.signature();
  await made.open();
  await made.signature();
  const next = pin('its next', made);
  const from = place('its ledger', ledgerFiles(made));
  const { files } = await replayMade(made);
  const [name = ''] = files.keys();
  const file = join(place('snapshots', files), name);
  const verify = async (...args: readonly string[]) =>
    (await runHere(['verify', file, ...args])).status;

  test('exits 1, unless it is allowed', async () => {
    expect(await verify()).toBe(1);
    expect(await verify('--allow-untrusted')).toBe(0);
    expect(await verify('--json')).toBe(1);
  });

  test('exits 0 with a pin that holds, be it through endorsements', async () => {
    expect(await verify('--service-cert', own)).toBe(0);
    expect(await verify('--service-cert', next)).toBe(1);
    expect(await verify('--service-cert', next, '--ledger', from)).toBe(0);
  });
});

describe('a tail that steers and is not signed', () => {
  async function tail() {
    const made = await MadeLedger.opened({ seed: 'unsigned tail', members });
    made.vouch(await made.signature());
    const signed = await made.signature();
    const seqno = made.rekey();
    const end = made.transaction([change('app', { k: 'under the new secret' })]);
    const path = place('unsigned', ledgerFiles(made));
    const { files } = await replayMade(made);
    const snapshots = place('its snapshots', files);
    return { path, signed, seqno, end, snapshots, own: pin('own', made) };
  }

  test('replay names it, in both forms, and it is no failure', async () => {
    const { path, signed, seqno, own } = await tail();
    const args = ['replay', path, '--member-keys', memberKeys, '--service-cert', own];
    const { status, stdout, stderr } = await runHere([...args, '--json']);
    const table = tables.historicalSecrets;
    expect(status).toBe(0);
    expect(objectsOf(stdout).at(-1)).toMatchObject({
      transactions: signed,
      verifiedUntil: signed,
      unsigned: { seqno, table },
    });
    const line = `warning: stopped at the last signature, seqno ${signed}: seqno ${seqno} writes ${table}, and no signature covers it`;
    expect(stderr).toContain(line);
    expect((await runHere(args)).stderr).toContain(line);
  });

  test('recover names it, in both forms, and stops before it', async () => {
    const { path, signed, seqno, end, snapshots, own } = await tail();
    const args = ['recover', '--ledger', path, '--snapshots', snapshots, '--service-cert', own];
    const json = await runHere([...args, '--member-keys', memberKeys, '--json']);
    const [summary] = objectsOf(json.stdout);
    expect(json.status).toBe(0);
    expect(summary).toMatchObject({
      seqno: signed,
      unsigned: { seqno, last: end, steering: { seqno, table: tables.historicalSecrets } },
    });
    const text = await runHere([...args, '--member-keys', memberKeys]);
    expect(text.stdout).toContain(`seqnos ${seqno} to ${end}, in ledger_${seqno}`);
    expect(text.stderr).toContain(
      `warning: stopped at the last signature, seqno ${signed}: seqno ${seqno} writes`,
    );
  });
});
