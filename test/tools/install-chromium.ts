import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Installs Debian's Chromium for the tests of the live page, where it is missing and apt is there. */
const chromium = '/usr/bin/chromium';

function run(...args: readonly string[]): boolean {
  const { status } = spawnSync('apt-get', args, {
    stdio: 'inherit',
    timeout: 300_000,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  return status === 0;
}

if (existsSync(chromium)) console.log(`${chromium} is there`);
else if (!existsSync('/usr/bin/apt-get'))
  console.log('SKIPPED: no Chromium, and no apt to install it');
else if (process.getuid?.() !== 0)
  console.log('SKIPPED: no Chromium, and only root can install it');
else {
  const isThere =
    run('update', '-q') && run('install', '-yq', '--no-install-recommends', 'chromium');
  if (!isThere) console.log('SKIPPED: Chromium could not be installed');
}
