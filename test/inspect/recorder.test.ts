import { expect, test } from 'vitest';
import { type Frame, loadRecording, saveRecording } from '../../src/inspect/recorder.ts';

const frames: Frame[] = [
  { type: 'history', generation: 1, seqno: 7, startedAtMs: 1, endedAtMs: 2, outcome: 'committed' },
  {
    type: '@xstate.event',
    sessionId: 'x:0',
    rootId: 'x:0',
    createdAt: '3',
    id: null,
    _version: '0.7.2',
    event: { type: 'commit.advanced', seqno: 9 },
  },
];

test('loadRecording() gives the frames that saveRecording() was given', () => {
  expect(loadRecording(saveRecording(frames))).toEqual(frames);
  expect(loadRecording(saveRecording(frames.map((frame) => JSON.stringify(frame))))).toEqual(
    frames,
  );
});

test('loadRecording() leaves out a last line that was cut off', () => {
  const text = saveRecording(frames);
  expect(loadRecording(text.slice(0, -20))).toEqual(frames.slice(0, 1));
});

test.each([
  ['', /line 1/],
  ['{"format":"other","version":1}\n', /line 1/],
  ['{"format":"ledger-snapshotter-recording","version":2}\n', /line 1/],
  ['{"format":"ledger-snapshotter-recording","version":1}\n{"type":"odd"}\n', /line 2/],
  ['{"format":"ledger-snapshotter-recording","version":1}\nnot JSON\n{}\n', /line 2/],
])('loadRecording() refuses %j', (text, message) => {
  expect(() => loadRecording(text)).toThrow(SyntaxError);
  expect(() => loadRecording(text)).toThrow(message);
});
