import { expect, test } from 'vitest';
import { equalBytes } from '../../src/core/bytes.ts';
import { seqno } from '../../src/core/words.ts';
import { lockDirectory } from '../../src/files/directory-lock.ts';
import { Spool } from '../../src/files/spool.ts';
import type { Survival } from '../../src/io/memory-disk.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { countingRandomness, fakeProcesses } from './fake-processes.ts';

const finalName = 'snapshot_10_12.committed';
const body = new Uint8Array(64).fill(7);
const survivals: readonly Survival[] = ['lost', 'kept', 'zeros', { bytesKept: 5 }];

/** Every state in which a power cut now can leave the directory's files. */
function crashStates(fileSystem: MemoryFileSystem): MemoryFileSystem[] {
  const count = survivals.length ** fileSystem.pendingOperations.length;
  return Array.from({ length: count }, (_, state) =>
    fileSystem.crash((_operation, index) => {
      const choice = Math.floor(state / survivals.length ** index) % survivals.length;
      return survivals[choice] ?? 'lost';
    }),
  );
}

/** What a crash state holds under the final name. */
async function finalFile(crashed: MemoryFileSystem): Promise<'absent' | 'whole' | 'broken'> {
  const path = `/s/${finalName}`;
  if ((await crashed.stat(path)) === undefined) return 'absent';
  const bytes = await crashed.readFile(path, { bytesMax: 1000 });
  return equalBytes(bytes, body) ? 'whole' : 'broken';
}

test('Spool never leaves a broken file under a final name, nor loses one after syncDirectory()', async () => {
  const fileSystem = new MemoryFileSystem();
  await fileSystem.makeDirectory('/s');
  const processes = fakeProcesses();
  const lock = await lockDirectory('/s', {
    fileSystem,
    processes,
    randomness: countingRandomness(),
  });
  const spool = new Spool({ fileSystem, lock, seqno: seqno(10), attempt: 0 });
  const steps: [string, () => Promise<unknown>, readonly string[]][] = [
    ['open', () => spool.open(), ['absent']],
    ['append', () => spool.append(body.subarray(0, 40), 0), ['absent']],
    ['append', () => spool.append(body.subarray(40), 40), ['absent']],
    ['sync', () => spool.sync(), ['absent']],
    ['close', () => spool.close(), ['absent']],
    ['publish', () => spool.publish(finalName), ['absent', 'whole']],
    ['syncDirectory', () => spool.syncDirectory(), ['whole']],
  ];
  for (const [step, run, expected] of steps) {
    await run();
    const found = await Promise.all(crashStates(fileSystem).map(finalFile));
    expect([step, [...new Set(found)].sort()]).toEqual([step, expected]);
  }
});
