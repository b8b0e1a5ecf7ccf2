import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { setUp, start } from '../helpers/set-up-host.ts';
import { serve, token } from './serve.ts';

/** Asks for `/events` over a socket of its own, and reads only when it is told to. */
async function openViewer(origin: string): Promise<Socket> {
  const { port, host } = new URL(origin);
  const socket = connect(Number(port), '127.0.0.1');
  onTestFinished(() => {
    socket.destroy();
  });
  socket.write(`GET /events?token=${token} HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
  await new Promise((resolve) => socket.once('readable', resolve));
  return socket;
}

test('/events drops a viewer that does not read, and neither the others nor the actors notice', async () => {
  const setup = await setUp();
  const { host, snapshotter } = setup;
  const { origin, connections } = await serve(snapshotter);
  await start(setup);
  const slow = await openViewer(origin);
  const good = await openViewer(origin);
  let readBytes = 0;
  good.on('data', (part) => {
    readBytes += part.length;
  });
  expect(await connections()).toBe(2);
  // The sockets' own buffers take some megabytes before anything waits in the process.
  while ((await connections()) === 2) {
    const before = readBytes;
    for (let i = 0; i < 100; i++) snapshotter.commit(host.last, { primary: true });
    await expect.poll(() => readBytes, { interval: 1 }).toBeGreaterThan(before + 100 * 300);
  }
  // It may read what had left; behind that its stream is cut.
  const isCut = new Promise<void>((resolve) => slow.once('close', () => resolve()));
  slow.on('error', () => {}).resume();
  await isCut;
  const before = readBytes;
  snapshotter.commit(host.last, { primary: true });
  await expect.poll(() => readBytes).toBeGreaterThan(before);
  expect(readBytes).toBeGreaterThan(4 * 1024 * 1024);
  expect(await connections()).toBe(1);
});

test('/events tells who comes after a viewer was dropped of every actor that lives', async () => {
  const setup = await setUp();
  const { origin } = await serve(setup.snapshotter);
  await start(setup);
  const first = await openViewer(origin);
  first.destroy();
  const second = await openViewer(origin);
  let text = '';
  second.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  await expect
    .poll(() =>
      [...text.matchAll(/"type":"@xstate.actor","name":"([^"]+)"/g)].map(([, name]) => name),
    )
    .toEqual(expect.arrayContaining(['snapshotter', 'slot:0', 'chain', 'writer']));
});
