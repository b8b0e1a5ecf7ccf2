import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ControlledCopy, type SourceChange } from './controlled-copy.ts';
import type { Control, ControlledTests } from './controls/types.ts';
import { trustControls } from './trust-controls.ts';

const isNightly = (process.env['LEDGER_NIGHTLY'] ?? '') !== '';

/** One for each core that the tests may count on. */
const copies: ControlledCopy[] = [];
const free: ControlledCopy[] = [];
const waiting: ((copy: ControlledCopy) => void)[] = [];

beforeAll(async () => {
  copies.push(await ControlledCopy.make(), await ControlledCopy.make());
  free.push(...copies);
});

afterAll(async () => {
  for (const copy of copies) await copy.close();
});

/** Runs tests in a copy that is free, or once one is. */
async function run({ tests, within }: ControlledTests, change?: SourceChange) {
  const copy = free.pop() ?? (await new Promise<ControlledCopy>((done) => waiting.push(done)));
  try {
    return await copy.run(tests, { change, within: isNightly ? undefined : within });
  } finally {
    const next = waiting.shift();
    if (next === undefined) free.push(copy);
    else next(copy);
  }
}

const isMeant = ({ nightly }: Control) => isNightly || nightly !== true;

/** How long all of a night's runs may wait for each other. */
const timeout = 60 * 60 * 1000;

describe.concurrent.each(trustControls)('$tests ($within)', { timeout }, (group) => {
  const controls = group.controls.filter(isMeant);

  test('all pass on the source as it is', async () => {
    const { passed, failed, errors } = await run(group);
    expect({ failed, errors }).toEqual({ failed: [], errors: [] });
    expect(passed.length).toBeGreaterThan(0);
  });

  test.each(controls)('$file without: $text', async (control) => {
    const { failed, errors } = await run(group, control);
    expect(errors).toEqual([]);
    expect(failed.filter((name) => !control.fails.test(name))).toEqual([]);
    expect(failed.length, 'tests that notice').toBeGreaterThan(0);
  });
});

test('a text that is not in the source once is refused', async () => {
  const [group] = trustControls;
  if (group === undefined) throw new Error('there is a control');
  for (const text of ['no such text', 'const']) {
    await expect(run(group, { file: 'src/verification/verify.ts', text })).rejects.toThrow(
      'not once',
    );
  }
});
