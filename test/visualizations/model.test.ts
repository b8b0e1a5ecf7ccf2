import { expect, test } from 'vitest';
import { InspectionBridge } from '../../src/inspect/bridge.ts';
import type { Frame } from '../../src/inspect/recorder.ts';
import { Model } from '../../visualizations/live/model.ts';
import { setUp, untilCommitted } from '../helpers/set-up-host.ts';

test('Model shows a snapshot from the frames of its life', async () => {
  const setup = await setUp();
  const model = new Model();
  let nowMs = 0;
  const bridge = new InspectionBridge({ source: setup.snapshotter, nowMs: () => nowMs++ });
  bridge.add({
    backlogBytes: 0,
    send: (text) => model.apply(JSON.parse(text) as Frame),
    drop: (reason) => {
      throw new Error(reason);
    },
  });
  expect((await untilCommitted(setup)).outcome).toBe('committed');
  expect(model.root).toMatchObject({ lane: 'snapshotter' });
  const [view] = model.generations;
  expect(view).toMatchObject({ seqno: 6, outcome: 'committed' });
  expect(view?.phases.map(({ phase }) => phase)).toEqual([
    ...['scheduled', 'serialised', 'awaiting-evidence', 'persisting', 'committed'],
  ]);
  const said = new Set(view?.sent.map(({ from, to }) => `${from} → ${to}`));
  for (const way of [
    ...['host → snapshotter', 'snapshotter → generation', 'generation → chain'],
    ...['chain → generation', 'generation → writer', 'writer → generation', 'writer → worker'],
  ]) {
    expect(said).toContain(way);
  }
});
