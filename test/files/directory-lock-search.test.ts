import { expect, test } from 'vitest';
import { type Move, StarterRun, type StarterWorld } from './lock-starters.ts';

/** A lock as release 0.1.0 wrote it. */
const old = (pid: number) => `{"pid":${pid},"start":"process ${pid}","nonce":"00"}\n`;

interface Search {
  readonly states: number;
  /** Runs that have ended, killed ones aside. */
  readonly ends: number;
  readonly acquired: number;
}

interface Bounds {
  readonly killsMax: number;
  /** How often the turn goes from a starter that could go on. @default as often as possible */
  readonly switchesMax?: number;
}

/**
 * Goes through every order of the starters' steps, and every step at which one is killed, and holds the rules in
 * each state: one holder at most, whose lock is there; and once all have ended, the next one gets the lock.
 */
async function search(world: StarterWorld, bounds: Bounds): Promise<Search> {
  const seen = new Set<string>();
  let ends = 0;
  let acquired = 0;
  const queue: (readonly Move[])[] = [[]];
  // Breadth first, so that each state is reached by the fewest moves: each run begins anew.
  for (const moves of queue) {
    const run = await StarterRun.of(world, moves);
    const kills = moves.filter(({ isKill }) => isKill).length;
    const switches = switchesOf(moves);
    const bounded = bounds.switchesMax === undefined ? '' : `${switches} ${moves.at(-1)?.starter}`;
    const key = `${kills} ${bounded}\n${await run.key()}`;
    if (seen.has(key)) continue;
    seen.add(key);
    expect(await run.violations(), told(moves)).toEqual([]);
    if (run.waiting.length === 0) {
      ends += 1;
      const hasWorked = run.states.includes('released');
      if (hasWorked) acquired += 1;
      if (kills === 0 && !('lock' in world.files && world.files['lock'] === old(50))) {
        expect(hasWorked, told(moves)).toBe(true);
      }
      if (world.files['lock'] === old(50)) expect(await run.names()).toEqual(['lock']);
      else expect(await run.afterwards(), told(moves)).toEqual({ during: ['lock'], after: [] });
    }
    for (const starter of run.waiting) {
      const step = [...moves, { starter, isKill: false }];
      if (switchesOf(step) <= (bounds.switchesMax ?? Number.POSITIVE_INFINITY)) queue.push(step);
      if (kills < bounds.killsMax) queue.push([...moves, { starter, isKill: true }]);
    }
  }
  return { states: seen.size, ends, acquired };
}

function switchesOf(moves: readonly Move[]): number {
  return moves.filter(({ starter }, i) => i > 0 && moves[i - 1]?.starter !== starter).length;
}

const told = (moves: readonly Move[]): string =>
  moves.map(({ starter, isKill }) => `${isKill ? 'kill ' : ''}${starter}`).join(' ');

const places: readonly (readonly [string, StarterWorld['files']])[] = [
  ['an empty directory', {}],
  ['the lock of a dead process', { lock: old(7) }],
  ['a lock that a crash left empty', { lock: '' }],
  ['the lock of a living process', { lock: old(50) }],
  [
    'a dead lock and the claim of one that died taking it',
    { lock: old(7), [`lock.${'0a'.repeat(8)}`]: old(8) },
  ],
];

test.each(places)(
  'lockDirectory() of two in every order, two killed anywhere, on %s',
  async (_what, files) => {
    const { states, ends, acquired } = await search(
      { files, starters: 2, links: 'all' },
      { killsMax: 2 },
    );
    expect(states).toBeGreaterThan(files['lock'] === old(50) ? 8 : 500);
    expect(ends).toBeGreaterThanOrEqual(4);
    expect(acquired > 0).toBe(files['lock'] !== old(50));
  },
  120_000,
);

test.each(['refused', 'none'] as const)(
  'lockDirectory() of two in every order where hard links are %s',
  async (links) => {
    const files = { lock: old(7) };
    const { states } = await search({ files, starters: 2, links }, { killsMax: 1 });
    expect(states).toBeGreaterThan(500);
  },
  120_000,
);

/** The whole takes minutes: every night, with a kill and on both. */
const isNightly = (process.env['LEDGER_NIGHTLY'] ?? '') !== '';
const threes = [
  ['the lock of a dead process', { lock: old(7) }],
  ...(isNightly ? [['an empty directory', {}] as const] : []),
] as const;

test.each(threes)(
  'lockDirectory() of three, within three changes of turn, on %s',
  async (_what, files) => {
    const bounds = { killsMax: isNightly ? 1 : 0, switchesMax: 3 };
    const { states } = await search({ files, starters: 3, links: 'all' }, bounds);
    expect(states).toBeGreaterThan(1000);
  },
  600_000,
);
