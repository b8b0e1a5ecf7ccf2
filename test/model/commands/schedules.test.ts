import { expect, test } from 'vitest';
import { allOutcomes, allPointEnds, campaign, campaignMsMax, isReplay } from './campaign.ts';

test('a snapshotter does what the model says in whatever order its ports answer', {
  timeout: campaignMsMax,
}, async () => {
  const tally = await campaign({
    name: 'schedules',
    isOpen: false,
    file: 'test/model/commands/schedules.test.ts',
  });
  if (isReplay) return;
  expect(Object.keys(tally.outcomes).sort()).toEqual(allOutcomes);
  expect(Object.keys(tally.points).sort()).toEqual(allPointEnds);
});
