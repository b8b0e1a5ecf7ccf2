import { expect, test } from 'vitest';
import { createActor, type InspectionEvent } from 'xstate';
import { safely } from '../../src/inspect/safely.ts';
import { parentMachine } from './small-actors.ts';

test('safely() hands on projections, and no actor that could be sent to', () => {
  const seen: InspectionEvent[] = [];
  const actor = createActor(parentMachine, {
    inspect: safely({ next: (event) => seen.push(event) }),
  });
  actor.start();
  actor.send({ type: 'go' });
  const types = new Set(seen.map(({ type }) => type));
  expect([...types].sort()).toEqual(['@xstate.actor', '@xstate.event', '@xstate.snapshot']);
  expect(seen.every(({ actorRef }) => !('send' in actorRef) && !('stop' in actorRef))).toBe(true);
  expect(JSON.stringify(seen.map((event) => ('snapshot' in event ? event.snapshot : 0)))).toMatch(
    /"held":\{"bytes":1048576,"begin":"0000000000000000"\}/,
  );
});

test('safely() keeps from the actors what an observer throws', () => {
  const actor = createActor(parentMachine, {
    inspect: safely(() => {
      throw new Error('an observer of the host');
    }),
  });
  actor.start();
  actor.send({ type: 'go' });
  expect(actor.getSnapshot()).toMatchObject({ status: 'active', value: 'b' });
});
