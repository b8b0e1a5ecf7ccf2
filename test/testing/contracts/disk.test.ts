import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { realFileSystem } from '../../../src/io/real-file-system.ts';
import { registerDiskContract } from '../../../src/testing/contracts/disk/disk-contract.ts';
import { openMemoryDisk } from './drivers.ts';
import { exemptFrom } from './exempt.ts';

describe('MemoryFileSystem', () => {
  registerDiskContract(exemptFrom('D17'), {
    open: openMemoryDisk,
    lacks: { modeOf: 'files in memory have no mode' },
  });
});

describe('realFileSystem', () => {
  registerDiskContract(exemptFrom('D8', 'D19', 'D20', 'D21', 'D23'), {
    open: () => {
      const directory = mkdtempSync(join(tmpdir(), 'disk-contract-'));
      return {
        fileSystem: realFileSystem,
        directory,
        addSymlink: (path) => symlinkSync('/etc/hostname', path),
        addSpecial: (path) => void execFileSync('/usr/bin/env', ['mkfifo', path]),
        modeOf: (path) => statSync(path).mode,
        close: () => rmSync(directory, { recursive: true }),
      };
    },
    lacks: {
      crash: 'no test can cut the power of the machine it runs on',
      openHandles: 'Node does not tell how many files a process holds',
    },
  });
});
