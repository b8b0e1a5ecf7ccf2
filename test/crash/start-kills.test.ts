import { beforeAll, expect, test, vi } from 'vitest';
import { Campaign, type CampaignReport, measurePace, type Pace } from './campaign.ts';
import type { Stop } from './start-run.ts';

const isNightly = (process.env['LEDGER_NIGHTLY'] ?? '') !== '';
const seed = process.env['LEDGER_SEED'] ?? String(Date.now());
const kills = isNightly ? 200 : 20;
const interrupts = isNightly ? 50 : 5;

/** Far above what a run, its checks and a start take on a busy machine. */
const roundMsMax = 60_000;

/** What 200 kills must hit. The others, between two spools or within the restart, are over too soon to count on. */
const phases = ['loading', 'creating', 'recovering', 'spooling', 'verifying'];

vi.setConfig({ testTimeout: kills * roundMsMax, hookTimeout: 4 * roundMsMax });

let pace: Pace;

beforeAll(async () => {
  pace = await measurePace();
});

test(`start killed at ${kills} random moments loses nothing it has promised, and starts again`, async () => {
  const report = await campaign('SIGKILL', kills);

  // Else the moments were not what they are meant to be, and the test shows little.
  expect(phasesHit(report).length).toBeGreaterThanOrEqual(4);
  if (isNightly) expect(phasesHit(report)).toEqual(expect.arrayContaining(phases));
  expect(report.acknowledging).toBeGreaterThanOrEqual(kills / 10);
  expect(report.withSnapshots).toBeGreaterThanOrEqual(kills / 10);
  expect(report.directories).toBeGreaterThanOrEqual(kills / 5);
});

test(`start interrupted at ${interrupts} random moments commits what it has, and starts again`, async () => {
  const report = await campaign('SIGINT', interrupts);

  expect(phasesHit(report).length).toBeGreaterThanOrEqual(isNightly ? 5 : 2);
  expect(report.acknowledging).toBeGreaterThanOrEqual(1);
});

async function campaign(signal: Stop['signal'], count: number): Promise<CampaignReport> {
  const report = await new Campaign({ signal, count, seed, pace }).run();
  const line = { name: 'crash', case: `${count} × ${signal}`, seed, ...report };
  if (isNightly) process.stdout.write(`${JSON.stringify(line)}\n`);
  return report;
}

const phasesHit = (report: CampaignReport): readonly string[] =>
  Object.entries(report.phases).flatMap(([phase, hits]) => (hits > 0 ? [phase] : []));
