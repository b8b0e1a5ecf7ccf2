import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** npm packages that are compared with; none is a dependency of ours. */
export const peerPackages: Readonly<Record<string, string>> = {
  lmdb: '3.5.6',
  // 13.x wants Node 22.
  'better-sqlite3': '12.9.0',
  msgpackr: '2.1.3',
  'cbor-x': '1.6.9',
};

/** Debian packages whose programs are compared with, and libraries that they load. */
export const peerDebianPackages: readonly string[] = [
  'redis-server',
  'redis-tools',
  'libjemalloc2',
  'liblzf1',
  'liblua5.1-0',
  'lua-bitop',
  'lua-cjson',
  'libhiredis0.14',
  'libatomic1',
  'etcd-server',
  'etcd-client',
];

/** Where `install-bench-peers` puts them: outside of the tree, kept between runs. */
export function peersDirectory(): string {
  return process.env['LEDGER_BENCH_PEERS'] ?? join(tmpdir(), 'ledger-snapshotter-peers');
}

/** The root of what was unpacked from Debian packages. */
export const debianRoot = (): string => join(peersDirectory(), 'debian');

/** How to get what is missing, as a reason to skip a case. */
export const howToInstall = 'node dist/test/tools/install-bench-peers.js installs it';

/** Loads a peer's package; `undefined` when it is not there. @throws Error when it is there and broken */
export function loadPeer(name: string): unknown {
  const require = createRequire(join(peersDirectory(), 'npm', 'package.json'));
  if (!existsSync(join(peersDirectory(), 'npm', 'node_modules', name))) return undefined;
  return require(name);
}

/** A peer's program and what it needs to start. */
export interface PeerProgram {
  readonly path: string;
  readonly env: NodeJS.ProcessEnv;
}

/** A program of the unpacked packages, or the system's own; `undefined` when there is none. */
export function findProgram(name: string): PeerProgram | undefined {
  const root = debianRoot();
  const unpacked = join(root, 'usr/bin', name);
  if (existsSync(unpacked)) {
    const libraries = [...libraryFolders(join(root, 'usr/lib')), join(root, 'usr/lib')];
    return { path: unpacked, env: { ...process.env, LD_LIBRARY_PATH: libraries.join(':') } };
  }
  for (const folder of (process.env['PATH'] ?? '').split(':')) {
    const path = join(folder, name);
    if (existsSync(path)) return { path, env: process.env };
  }
  return undefined;
}

function libraryFolders(lib: string): string[] {
  if (!existsSync(lib)) return [];
  return readdirSync(lib)
    .filter((name) => name.endsWith('-linux-gnu'))
    .map((name) => join(lib, name));
}
