import { expect, test } from 'vitest';
import { checkLoopWatch } from './loop-watch.ts';

test.runIf(process.platform === 'linux')('LoopWatch sees a block of the loop', async () => {
  expect(await checkLoopWatch()).toBeGreaterThan(45);
});
