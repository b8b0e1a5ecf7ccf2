import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMemberKeys, replayLedger } from '../../src/index.ts';
import { type Bench, summarise } from './bench.ts';

const services = ['eol_service', 'double_sealed_service', 'cose_flipflop_service'];
const rounds = 5;
const boundMs = 3000;

/**
 * How long do the three ledgers of CCF's own test data take, one after another in this process, with
 * cross-checks, files written and synced? Times in milliseconds.
 */
export const replayBench: Bench = {
  name: 'replay',
  async *run() {
    const folder = process.env['CCF_TESTDATA'] ?? join(process.cwd(), '../shared/ccf-testdata');
    const name = { name: 'replay', case: 'three CCF ledgers in one process' };
    if (!existsSync(folder)) {
      yield { ...name, skipped: `no test data of CCF in ${folder}` };
      return;
    }
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round++) measured.push(await measure(folder));
    const walls = summarise(measured.map(({ wall }) => wall));
    yield { ...name, unit: 'ms', ...walls, bound: boundMs, held: 'min', rounds: measured };
  },
};

interface Round {
  readonly wall: number;
  readonly user: number;
  readonly system: number;
}

async function measure(folder: string): Promise<Round> {
  const out = await mkdtemp(join(tmpdir(), 'bench-'));
  const start = performance.now();
  const cpu = process.cpuUsage();
  const identical = await replayAll(folder, out);
  const { user, system } = process.cpuUsage(cpu);
  const wall = performance.now() - start;
  await rm(out, { recursive: true });
  if (identical !== 56) throw new Error(`${identical} of 56 snapshots are identical`);
  return {
    wall: Math.round(wall),
    user: Math.round(user / 1000),
    system: Math.round(system / 1000),
  };
}

async function replayAll(folder: string, out: string): Promise<number> {
  let identical = 0;
  for (const service of services) {
    const { summary } = await replayLedger({
      ledger: join(folder, service, 'ledger'),
      memberKeys: await readMemberKeys(join(folder, service, 'common')),
      out: join(out, service),
    });
    identical += summary.identical;
  }
  return identical;
}
