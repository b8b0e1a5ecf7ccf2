import type { ControlledTests } from './types.ts';

const lockFile = 'src/files/lock-file.ts';
const holder = 'src/files/lock-holder.ts';
const writer = 'src/files/ledger/ledger-writer.ts';

/** Who holds a directory, and what a holder looks at before it writes. */
export const lockControls: readonly ControlledTests[] = [
  {
    tests: 'test/files/lock-holder.test.ts',
    controls: [
      {
        file: holder,
        text: "return pid !== processes.pid || heldLocks.has(nonce) ? 'alive' : 'dead';",
        replacement: "return 'alive';",
        fails: /does not hold/,
      },
      {
        file: holder,
        text: "if (!isSameBoot && !isSameMachine) return 'unknown';",
        fails: /another (host|run of the system)|decides before its pid does/,
      },
      {
        file: holder,
        text: "if (areBootsKnown && !isSameBoot) return 'dead';",
        fails: /before a restart/,
      },
      {
        file: holder,
        text: "return isSameBoot ? 'dead' : 'unknown';",
        replacement: "return 'dead';",
        fails: /without a boot id/,
      },
      {
        file: holder,
        text: "if (socket === 'listening') return 'alive';",
        fails: /listening/,
      },
      {
        file: holder,
        text: "if (socket === 'silent' && isSameDirectory) return 'dead';",
        fails: /silent/,
      },
    ],
  },
  {
    tests: 'test/node/lock.test.ts',
    controls: [
      {
        file: writer,
        text: 'await this.#options.checkLock?.();',
        fails: /LOCKED/,
        nightly: true,
      },
      {
        file: writer,
        text: 'await options.checkLock?.();',
        fails: /cuts what is torn/,
        nightly: true,
      },
      {
        file: 'src/node/locks.ts',
        text: 'const snapshots = await lockDirectory(paths.snapshots, environment);',
        replacement: 'const snapshots = root;',
        fails: /has changed nothing/,
        nightly: true,
      },
    ],
  },
  {
    tests: 'test/files/directory-lock-search.test.ts',
    controls: [
      {
        file: lockFile,
        text: 'if (first === undefined) return;',
        replacement: 'if (first === undefined || rivals.length > 0) return;',
        fails: /./,
        nightly: true,
      },
    ],
  },
];
