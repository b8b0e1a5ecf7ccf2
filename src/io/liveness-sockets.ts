import { constants } from 'node:fs';
import { access, lstat, open, rename } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { basename, dirname } from 'node:path';
import type { LivenessSockets, SocketState } from './file-system.ts';

/** Sockets of the machine's own files. A failure of any kind means that there is none, or that nobody can say. */
export const realLivenessSockets: LivenessSockets = {
  listen: async (path) => {
    const server = createServer((connection) => connection.destroy());
    try {
      // A process that exits removes the name at which it began to listen: so that is another one.
      await atShortPath(`${path}.tmp`, (short) => listening(server, short));
      await rename(`${path}.tmp`, path);
    } catch {
      server.close();
      return undefined;
    }
    // Whether anyone asks must not keep the process alive.
    server.unref();
    server.on('error', () => undefined);
    return () => new Promise((resolve) => server.close(() => resolve()));
  },
  state: async (path) => {
    try {
      if (!(await lstat(path)).isSocket()) return 'unknown';
      return await atShortPath(path, asked);
    } catch (cause) {
      return (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'missing' : 'unknown';
    }
  },
};

/** Longest path that every system takes for a socket; a longer one would be cut silently. */
const socketPathBytesMax = 100;

/** Calls `use` with the path, or where that is too long with one that leads there by an open directory (Linux). */
async function atShortPath<T>(path: string, use: (path: string) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(path) <= socketPathBytesMax) return use(path);
  const directory = await open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const short = `/proc/self/fd/${directory.fd}`;
    await access(short);
    return await use(`${short}/${basename(path)}`);
  } finally {
    await directory.close();
  }
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // Not `exclusive` in a cluster's worker, the primary would listen, and outlive it.
    server.listen({ path, exclusive: true }, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

/** How long a socket of this machine may take to answer: the system does so by itself, its process need not. */
const answerMsMax = 5_000;

function asked(path: string): Promise<SocketState> {
  return new Promise((resolve) => {
    const connection = connect({ path });
    const answer = (state: SocketState) => {
      connection.destroy();
      resolve(state);
    };
    connection.setTimeout(answerMsMax, () => answer('unknown'));
    connection.once('connect', () => answer('listening'));
    connection.once('error', ({ code }: NodeJS.ErrnoException) => answer(stateOf(code)));
  });
}

function stateOf(errno: string | undefined): SocketState {
  if (errno === 'ECONNREFUSED') return 'silent';
  // Its queue is full: somebody listens, and does not come to answer.
  if (errno === 'EAGAIN') return 'listening';
  return errno === 'ENOENT' ? 'missing' : 'unknown';
}
