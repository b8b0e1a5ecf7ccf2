import type { FileHandle, FileSystem } from '../../src/io/file-system.ts';
import type { PendingOperation, Survival } from '../../src/io/memory-disk.ts';
import type { MemoryFileSystem } from '../../src/io/memory-file-system.ts';

/**
 * Every state in which a power cut now can leave the files: each pending operation survives or not, of a write also
 * each number of its first bytes, or zeros in its place.
 */
export function* crashStates(fileSystem: MemoryFileSystem): Generator<MemoryFileSystem> {
  const choices = fileSystem.pendingOperations.map(survivalsOf);
  const count = choices.reduce((product, { length }) => product * length, 1);
  for (let state = 0; state < count; state++) {
    let rest = state;
    const chosen = choices.map((survivals) => {
      const choice = survivals[rest % survivals.length];
      rest = Math.floor(rest / survivals.length);
      return choice ?? 'lost';
    });
    yield fileSystem.crash((_operation, index) => chosen[index] ?? 'lost');
  }
}

function survivalsOf(pending: PendingOperation): readonly Survival[] {
  if (pending.operation !== 'write') return ['lost', 'kept'];
  const { position, length } = pending;
  // The header of a chunk lies in one sector, which a disk writes whole or not at all.
  if (position === 0 && length === 8) return ['lost', 'kept'];
  const parts = Array.from({ length: length - 1 }, (_, i) => ({ bytesKept: i + 1 }));
  return ['lost', 'kept', 'zeros', ...parts];
}

/** A file system that calls `probe`, and waits for it, before each of its operations. */
export function probed(fileSystem: FileSystem, probe: () => Promise<void>): FileSystem {
  return withProbe(fileSystem, probe, (result) =>
    isHandle(result) ? withProbe(result, probe, (same) => same) : result,
  );
}

function isHandle(result: unknown): result is FileHandle {
  return typeof result === 'object' && result !== null && 'truncate' in result;
}

function withProbe<T extends object>(
  target: T,
  probe: () => Promise<void>,
  wrap: (result: unknown) => unknown,
): T {
  return new Proxy(target, {
    get(_target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]) => {
        await probe();
        return wrap(await Reflect.apply(member, target, args));
      };
    },
  });
}
