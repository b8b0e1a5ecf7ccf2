import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  debianRoot,
  peerDebianPackages,
  peerPackages,
  peersDirectory,
} from '../bench/peer-programs.ts';

/**
 * Installs what the bench compares us with: `node dist/test/tools/install-bench-peers.js`. npm packages go into a folder
 * of their own, Debian packages are downloaded and unpacked beside it: nothing is installed on the system, and nothing
 * of it belongs to this project. What cannot be had is named, and its cases are skipped; better-sqlite3 may be compiled, which
 * takes minutes.
 */
const directory = peersDirectory();
const npm = join(directory, 'npm');
mkdirSync(npm, { recursive: true });
writeFileSync(join(npm, 'package.json'), JSON.stringify({ private: true, type: 'commonjs' }));
for (const [name, version] of Object.entries(peerPackages)) {
  const options = ['--prefix', npm, '--no-audit', '--no-fund'];
  attempt(name, () => run('npm', ['install', ...options, `${name}@${version}`], npm));
}

const downloads = join(directory, 'deb');
mkdirSync(downloads, { recursive: true });
mkdirSync(debianRoot(), { recursive: true });
for (const name of peerDebianPackages) {
  attempt(name, () => run('apt-get', ['download', name], downloads));
}
for (const file of readdirSync(downloads)) {
  attempt(file, () => run('dpkg', ['-x', join(downloads, file), debianRoot()], downloads));
}
console.log(directory);

function run(program: string, args: readonly string[], cwd: string): void {
  execFileSync(program, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
}

function attempt(name: string, work: () => void): void {
  try {
    work();
    console.error(`${name}: there`);
  } catch (error) {
    console.error(`${name}: cannot be had\n${String(error)}`);
    process.exitCode = 1;
  }
}
