import { expect, test } from 'vitest';
import { allOutcomes, allPointEnds, campaign, campaignMsMax, isReplay } from './campaign.ts';

test('a snapshotter does what the model says, whatever happens to it, command by command', {
  timeout: campaignMsMax,
}, async () => {
  const tally = await campaign({
    name: 'commands',
    isOpen: true,
    file: 'test/model/commands/commands.test.ts',
  });
  if (isReplay) return;
  expect(Object.keys(tally.outcomes).sort()).toEqual(allOutcomes);
  expect(Object.keys(tally.points).sort()).toEqual(allPointEnds);
});
