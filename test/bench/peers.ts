import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Bench,
  type BenchLine,
  type BenchOptions,
  entriesOf,
  rounded,
  roundsOf,
  summarise,
} from './bench.ts';
import { d1m } from './data.ts';
import { Party } from './party.ts';
import { howToInstall } from './peer-programs.ts';
import { type Contender, interleave, lineOf, type Measure, type Rounds } from './rounds.ts';
import { snapshotContender, startSnapshots } from './snapshots.ts';

const name = 'peers';

/** Ours may take less than this much of a peer's time. */
const bound = 0.9;

interface Peer {
  /** The process that runs it. */
  readonly party: string;
  readonly command: string;
  readonly title: string;
  /** Compared and printed, but nothing is claimed. */
  readonly isUnheld?: boolean;
  /** Which part of a party has to be installed for it. */
  readonly needs?: string;
}

const peers: readonly Peer[] = [
  { party: 'lmdb', command: 'rawHashed', title: 'lmdb raw backup + SHA-256' },
  { party: 'lmdb', command: 'raw', title: 'lmdb raw backup, no digest', isUnheld: true },
  { party: 'lmdb', command: 'compact', title: 'lmdb compact backup, no digest', isUnheld: true },
  { party: 'sqlite', command: 'backup', title: 'better-sqlite3 backup(), no digest' },
  { party: 'sqlite', command: 'vacuum', title: 'better-sqlite3 VACUUM INTO, no digest' },
  {
    party: 'sqlite',
    command: 'serialize',
    title: 'better-sqlite3 serialize() and write, no digest',
    isUnheld: true,
  },
  { party: 'naive', command: 'v8', title: 'v8.serialize and write, no digest' },
  { party: 'naive', command: 'json', title: 'JSON and write, no digest', isUnheld: true },
  {
    ...{ party: 'naive', command: 'msgpackr', needs: 'msgpackr', isUnheld: true },
    title: 'msgpackr and write, no digest',
  },
  {
    ...{ party: 'naive', command: 'cborx', needs: 'cborx', isUnheld: true },
    title: 'cbor-x and write, no digest',
  },
  { party: 'redis', command: 'bgsave', title: 'Redis BGSAVE, no digest' },
  { party: 'etcd', command: 'save', title: 'etcd snapshot save' },
];

/** How do others' snapshots of the same million entries compare with ours? */
export const peersBench: Bench = {
  name,
  async *run(options) {
    const entries = entriesOf(options, d1m.entries);
    const { party: ours } = await startSnapshots(
      { shape: { ...d1m, entries }, crossCheck: true },
      options,
    );
    const started = await startPeers(entries, options).catch(async (error: unknown) => {
      await ours.close();
      throw error;
    });
    try {
      const how = { isForeseen: false, isUpdated: false };
      const contenders = [snapshotContender(ours, how), ...contendersOf(started)];
      for (const contender of contenders) await contender.measure();
      const rounds = await interleave(contenders, roundsOf(options, 7));
      yield { ...lineOf(rounds, { name, case: 'ours', of: 'ours' }), entries };
      for (const peer of peers) yield lineOfPeer(peer, started, rounds);
    } finally {
      await Promise.all([ours.close(), ...[...started.values()].map(({ party }) => party.close())]);
      for (const { folder } of started.values()) await rm(folder, { recursive: true, force: true });
    }
  },
};

interface Started {
  readonly party: Party;
  readonly folder: string;
  /** What it has of what it needs. */
  readonly there: Readonly<Record<string, boolean>>;
  /** Why it could not be prepared. */
  readonly failed?: string;
}

/** Each in a process and a folder of its own, filled one after another. */
async function startPeers(
  entries: number,
  { directory }: BenchOptions,
): Promise<ReadonlyMap<string, Started>> {
  const started = new Map<string, Started>();
  for (const file of new Set(peers.map(({ party }) => party))) {
    const folder = join(directory, file);
    await mkdir(folder);
    const party = new Party(file, { nodeArgs: ['--max-old-space-size=8192'] });
    const input = { entries, directory: folder };
    try {
      const there = await party.ask<Record<string, boolean>>('prepare', input);
      started.set(file, { party, folder, there });
    } catch (error) {
      started.set(file, { party, folder, there: {}, failed: String(error).split('\n')[0] ?? '' });
    }
  }
  return started;
}

function contendersOf(started: ReadonlyMap<string, Started>): Contender[] {
  return peers.flatMap((peer) => {
    const { party } = started.get(peer.party) ?? {};
    if (party === undefined || whyNot(peer, started) !== undefined) return [];
    return { name: peer.title, measure: () => party.ask<Measure>(peer.command) };
  });
}

/** Why a peer is not measured; `undefined` when it is. */
function whyNot(
  { party, needs = 'isThere' }: Peer,
  started: ReadonlyMap<string, Started>,
): string | undefined {
  const { failed, there } = started.get(party) ?? {};
  if (failed !== undefined) return failed;
  return there?.[needs] === true ? undefined : `not installed: ${howToInstall}`;
}

/** The peer's own time, and as the ratio how much of it ours takes. */
function lineOfPeer(peer: Peer, started: ReadonlyMap<string, Started>, rounds: Rounds): BenchLine {
  const { title, isUnheld = false } = peer;
  const reason = whyNot(peer, started);
  if (reason !== undefined) return { name, case: title, skipped: reason };
  const line = lineOf(rounds, { name, case: title, of: title });
  const ratios = rounds.rounds.flatMap((round) => {
    const [own, others] = [round.get('ours'), round.get(title)];
    return own === undefined || others === undefined ? [] : own.ms / others.ms;
  });
  const own = rounds.rounds.flatMap((round) => round.get(title) ?? []);
  const medianOf = (key: string) =>
    summarise(
      own.map((measure) => Number(measure[key])),
      1,
    ).median;
  return {
    ...line,
    ...(ratios.length > 0 && { ratio: rounded(summarise(ratios, 3).median, 3) }),
    over: 'ours / theirs',
    stallMs: medianOf('stallMs'),
    extraRssMb: medianOf('extraRssMb'),
    ...(isUnheld ? {} : { bound }),
  };
}
