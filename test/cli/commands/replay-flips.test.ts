import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { readMemberKeys } from '../../../src/ledger/member-keys.ts';
import { replayLedger } from '../../../src/replay/replay.ts';
import { type CcfService, testOnCcfData } from '../../helpers/ccf-testdata.ts';
import { findTargets, flipIn, type TargetKind, targetKinds } from '../ledger-targets.ts';
import { linesOf, objectsOf, runCli } from '../run-cli.ts';
import { copyLedger, inCcfData, temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();
const services = ['eol_service', 'double_sealed_service', 'cose_flipflop_service'] as const;

/** What no node ever wrote into these ledgers. */
const missing: Readonly<Record<CcfService, readonly TargetKind[]>> = {
  eol_service: ['COSE signature'],
  double_sealed_service: ['private domain'],
  // Its one evidence comes right at the beginning.
  cose_flipflop_service: [],
};

const startOf = (service: CcfService) => (service === 'cose_flipflop_service' ? 13 : 20);

const present = services.flatMap((service) =>
  targetKinds
    .filter((kind) => !missing[service].includes(kind))
    .map((kind): [CcfService, TargetKind] => [service, kind]),
);

let copies = 0;

function flippedLedger(service: CcfService, kind: TargetKind) {
  const target = findTargets(service, startOf(service)).get(kind);
  if (target === undefined) throw new Error(`${service} has no ${kind}`);
  copies += 1;
  const ledger = copyLedger(service, directory, `${copies}`);
  flipIn(ledger, target);
  return { ledger, target };
}

async function replayFlipped(
  service: CcfService,
  kind: TargetKind,
  memberKeys: readonly KeyObject[],
) {
  const { ledger, target } = flippedLedger(service, kind);
  const out = join(directory, `${copies}-out`);
  const { failure, summary } = await replayLedger({ ledger, out, memberKeys });
  return { failure, summary, target };
}

describe('one bit flipped in a ledger', () => {
  testOnCcfData.each(present)('%s, %s: the entry itself is named', async (service, kind) => {
    const memberKeys = await readMemberKeys(inCcfData(service, 'common'));
    const { failure, summary, target } = await replayFlipped(service, kind, memberKeys);
    expect(failure?.seqno).toBe(target.seqno);
    expect(failure?.message).toContain(`seqno ${target.seqno}`);
    expect(summary.verifiedUntil).toBeLessThan(target.seqno);
  });

  testOnCcfData.each(present)(
    '%s, %s, without keys: it, or the first signature over it, is named',
    async (service, kind) => {
      const { failure, summary, target } = await replayFlipped(service, kind, []);
      expect([target.seqno, target.signedAt]).toContain(failure?.seqno);
      expect(failure?.message).toContain(`seqno ${failure?.seqno}`);
      expect(summary.verifiedUntil).toBeLessThan(failure?.seqno ?? 0);
    },
  );
});

testOnCcfData.each<[CcfService, TargetKind]>([
  ['eol_service', 'node signature'],
  ['double_sealed_service', 'tree'],
  ['cose_flipflop_service', 'COSE signature'],
])('replay of %s with a flipped %s: exit 1, the seqno on stderr', async (service, kind) => {
  const { ledger, target } = flippedLedger(service, kind);
  const keys = ['--member-keys', inCcfData(service, 'common')];
  const { status, stdout, stderr } = await runCli(['replay', ledger, ...keys, '--json']);
  expect(status).toBe(1);
  expect(linesOf(stderr)[0]).toMatch(new RegExp(`^error: .*seqno ${target.seqno}\\b`));
  expect(stderr).toContain('the ledger holds to seqno');
  expect(objectsOf(stdout).at(-1)).toMatchObject({ summary: true });
});

testOnCcfData('replay of such a ledger without keys: 1 beats 3', async () => {
  const { ledger } = flippedLedger('double_sealed_service', 'evidence');
  const { status, stderr } = await runCli(['replay', ledger]);
  expect(status).toBe(1);
  expect(stderr).toContain('the ledger holds to seqno');
});
