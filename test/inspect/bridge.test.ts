import { expect, test } from 'vitest';
import { createActor } from 'xstate';
import { InspectionBridge, type Viewer } from '../../src/inspect/bridge.ts';
import { watch } from '../../src/inspect/guarded.ts';
import type { InspectMessage } from '../../src/inspect/messages.ts';
import { parentMachine, sourceOf, startParent } from './small-actors.ts';

class KeptMessages implements Viewer {
  readonly messages: InspectMessage[] = [];
  readonly dropped: string[] = [];
  backlogBytes = 0;

  send(text: string): void {
    this.messages.push(JSON.parse(text) as InspectMessage);
  }

  drop(reason: string): void {
    this.dropped.push(reason);
  }

  get told(): string[] {
    return this.messages.map((message) =>
      message.type === '@xstate.actor'
        ? `actor ${message.name}`
        : `${message.type} ${message.event.type}`,
    );
  }
}

const nowMs = () => 1_000;

test('InspectionBridge tells a viewer of the living actors, and then of each event', () => {
  const actor = startParent();
  const bridge = new InspectionBridge({ source: sourceOf(actor), nowMs });
  const viewer = new KeptMessages();
  bridge.add(viewer);
  expect(viewer.told).toEqual(['actor parent', 'actor slot']);
  actor.send({ type: 'go' });
  expect(viewer.told.slice(2)).toEqual(['@xstate.event go', '@xstate.snapshot go']);
  const [parent, slot] = viewer.messages;
  expect(parent).toMatchObject({
    createdAt: '1000',
    id: null,
    _version: '0.7.2',
    rootId: actor.sessionId,
    snapshot: { status: 'active', value: 'a', context: { held: { bytes: 1_048_576 } } },
  });
  expect(slot).toMatchObject({ parentId: actor.sessionId });
  expect(JSON.parse(parent?.type === '@xstate.actor' ? parent.definition : '')).toMatchObject({
    id: 'parent',
    states: { a: { on: { go: 'b' } } },
  });
});

test('InspectionBridge tells a late viewer of what lives, and the first one nothing twice', () => {
  const actor = startParent();
  const bridge = new InspectionBridge({ source: sourceOf(actor), nowMs });
  const first = new KeptMessages();
  bridge.add(first);
  const child = actor.getSnapshot().children['slot'];
  child?.send({ type: 'end' });
  const late = new KeptMessages();
  bridge.add(late);
  expect(late.told).toEqual(['actor parent']);
  expect(first.told.filter((told) => told === 'actor parent')).toHaveLength(1);
});

test('InspectionBridge observes only while somebody watches', () => {
  const actor = startParent();
  let observers = 0;
  const bridge = new InspectionBridge({
    source: {
      inspect: (observer) => {
        observers++;
        const stop = watch(actor, observer);
        return () => {
          observers--;
          stop();
        };
      },
    },
    nowMs,
  });
  expect(observers).toBe(0);
  const leave = [bridge.add(new KeptMessages()), bridge.add(new KeptMessages())];
  expect([observers, bridge.viewers]).toEqual([1, 2]);
  for (const one of leave) one();
  expect([observers, bridge.viewers]).toEqual([0, 0]);
});

test('InspectionBridge drops a viewer that is too slow or throws, and nobody else notices', () => {
  const actor = startParent();
  const bridge = new InspectionBridge({ source: sourceOf(actor), nowMs, backlogBytesMax: 100 });
  const [good, slow, broken] = [new KeptMessages(), new KeptMessages(), new KeptMessages()];
  for (const viewer of [good, slow, broken]) bridge.add(viewer);
  slow.backlogBytes = 101;
  broken.send = () => {
    throw new Error('a viewer of somebody');
  };
  broken.drop = broken.send;
  actor.send({ type: 'go' });
  actor.send({ type: 'go' });
  expect(actor.getSnapshot().value).toBe('a');
  expect(slow.dropped).toEqual(['too slow']);
  expect(bridge.viewers).toBe(1);
  expect(good.told.filter((told) => told === '@xstate.snapshot go')).toHaveLength(2);
});

test('with nobody watching an event costs at most 2 µs more than without a bridge', () => {
  const [plain, served] = [startParent(), startParent()];
  const bridge = new InspectionBridge({ source: sourceOf(served), nowMs });
  const leave = bridge.add(new KeptMessages());
  leave();
  const events = 20_000;
  const seconds = (actor: ReturnType<typeof startParent>) => {
    const { user, system } = process.cpuUsage();
    for (let i = 0; i < events; i++) actor.send({ type: 'go' });
    const end = process.cpuUsage();
    return (end.user + end.system - user - system) / events;
  };
  seconds(plain);
  seconds(served);
  const differences = Array.from({ length: 9 }, () => seconds(served) - seconds(plain)).sort(
    (a, b) => a - b,
  );
  const median = differences[4] ?? 0;
  process.stdout.write(`nobody watches: ${median.toFixed(2)} µs an event (median of 9 pairs)\n`);
  expect(median).toBeLessThan(2);
});

test('a context of 1 MB costs a viewer under 1 ms an event', () => {
  const held = {
    bytes: new Uint8Array(1024 * 1024),
    text: 'x'.repeat(1024 * 1024),
    numbers: Array.from({ length: 131_072 }, (_, i) => i),
  };
  const actor = createActor(parentMachine.provide({})).start();
  Object.assign(actor.getSnapshot().context, { held });
  const bridge = new InspectionBridge({ source: sourceOf(actor), nowMs });
  bridge.add(new KeptMessages());
  const events = 500;
  const { user, system } = process.cpuUsage();
  for (let i = 0; i < events; i++) actor.send({ type: 'go' });
  const end = process.cpuUsage();
  const ms = (end.user + end.system - user - system) / events / 1000;
  process.stdout.write(`context of 3 MB, watched: ${ms.toFixed(3)} ms an event\n`);
  expect(ms).toBeLessThan(1);
});
