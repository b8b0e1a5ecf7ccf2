import { connect } from 'node:net';
import { expect, test, vi } from 'vitest';
import { setUp } from '../helpers/set-up-host.ts';
import { serve, token } from './serve.ts';

/** All that comes back for some bytes, until the server closes the connection, or so long that it never will. */
function exchange(origin: string, request: string): Promise<string> {
  const { port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1');
    let text = '';
    const timer = setTimeout(() => {
      socket.destroy();
      resolve(`${text}(still open)`);
    }, 20_000);
    socket.setEncoding('latin1').on('data', (part: string) => {
      text += part;
    });
    socket.on('error', reject).on('end', () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(text);
    });
    socket.write(request);
  });
}

const head = (path: string, origin: string, more = '') =>
  `HEAD ${path} HTTP/1.1\r\nhost: ${new URL(origin).host}\r\n${more}\r\n`;

const routes = [
  ['/', 200, 'text/html; charset=utf-8'],
  ['/events', 200, 'text/event-stream; charset=utf-8'],
  ['/snapshots', 200, 'application/json'],
  ['/metrics', 200, 'text/plain; version=0.0.4; charset=utf-8'],
  ['/healthz', 200, 'text/plain; charset=utf-8'],
  ['/readyz', 200, 'text/plain; charset=utf-8'],
  ['/assets/page.css', 200, 'text/css; charset=utf-8'],
  ['/assets/charts/generation.svg', 200, 'image/svg+xml; charset=utf-8'],
  ['/assets/none', 404, 'text/plain; charset=utf-8'],
  ['/none', 404, 'text/plain; charset=utf-8'],
] as const;

test.each(routes)(
  'HEAD %s answers headers and nothing else, and ends',
  async (path, status, type) => {
    const { origin } = await serve((await setUp()).snapshotter);
    const request = head(`${path}?token=${token}`, origin, 'connection: close\r\n');
    const answer = await exchange(origin, request);
    const [headers = '', ...rest] = answer.split('\r\n\r\n');
    expect(rest).toEqual(['']);
    expect(headers.split('\r\n')[0]).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(headers.toLowerCase()).toContain(`content-type: ${type}`);
  },
);

test('HEAD answers of one connection follow each other, since none has a body', async () => {
  const { origin } = await serve((await setUp()).snapshotter);
  const requests = routes.map(([path]) => head(`${path}?token=${token}`, origin));
  const last = head('/healthz', origin, 'connection: close\r\n');
  const answer = await exchange(origin, requests.join('') + last);
  const parts = answer.split('\r\n\r\n');
  expect(parts.pop()).toBe('');
  const statuses = parts.map((part) => /^HTTP\/1\.1 (\d+) /.exec(part)?.[1]);
  expect(statuses).toEqual([...routes.map(([, status]) => `${status}`), '200']);
});

test('HEAD /events without the token is refused', async () => {
  const { origin } = await serve((await setUp()).snapshotter);
  const answer = await exchange(origin, head('/events', origin, 'connection: close\r\n'));
  expect(answer).toMatch(/^HTTP\/1\.1 403 [\s\S]*\r\n\r\n$/);
});

test('HEAD /events is no viewer: nothing is observed', async () => {
  const { snapshotter } = await setUp();
  const inspect = vi.spyOn(snapshotter, 'inspect');
  const { origin } = await serve(snapshotter);
  const before = inspect.mock.calls.length;
  await exchange(origin, head(`/events?token=${token}`, origin, 'connection: close\r\n'));
  expect(inspect.mock.calls).toHaveLength(before);
});
