import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { faultsOf, judged, type Line } from './campaign.ts';
import { targets, usual } from './targets.ts';

// XState warns of what mutants do: an event to a child that has ended, an output that nobody takes.
beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

test.each(usual)(
  'no mutant of %s survives its checks, but those that are proven equivalent',
  async (name) => {
    const target = targets[name];
    if (target === undefined) throw new Error(`no target ${name}`);
    const lines: Line[] = [];
    for await (const line of judged(name, target, { asksLaws: false })) lines.push(line);
    expect(faultsOf(lines, target)).toEqual([]);
    expect(lines.length).toBeGreaterThan(80);
  },
  120_000,
);
