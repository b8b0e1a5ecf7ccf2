import { basename, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AnyStateMachine } from 'xstate';
import { StorageError } from '../../core/errors.ts';
import type { FileSystem } from '../../io/file-system.ts';
import { alphabetFaults } from '../../testing/graph/alphabet.ts';
import type { Subject } from '../../testing/graph/subject.ts';
import {
  type MachineName,
  machineNames,
  type SubjectSize,
  subjectOf,
} from '../../testing/subjects/subjects.ts';
import { UsageError } from '../errors.ts';

/** What tests are drawn from, and how a written test comes by it. */
export interface TestgenTarget {
  /** What its files are called after. */
  readonly name: string;
  readonly subject: Subject;
  /** Lines of a test that end with a `const subject`; names from the kit are imported already. */
  readonly source: readonly string[];
  /** What of the kit those lines use. */
  readonly uses: readonly string[];
}

/** A machine of this package by its name, or the one that a JavaScript file exports. */
export function targetOf(
  machine: string,
  options: { readonly size: SubjectSize; readonly out: string; readonly fileSystem: FileSystem },
): Promise<TestgenTarget> {
  const own = machineNames.find((name) => name === machine);
  if (own !== undefined) return Promise.resolve(ownTarget(own, options.size));
  if (/\.[cm]?js$/.test(machine)) return fileTarget(machine, options);
  throw new UsageError(
    `there is no machine ${machine}`,
    `give one of ${machineNames.join(', ')}, or a JavaScript file that exports a machine`,
  );
}

function ownTarget(name: MachineName, size: SubjectSize): TestgenTarget {
  const exported = `${name.replace(/-(.)/, (_, letter: string) => letter.toUpperCase())}Machine`;
  return {
    name,
    subject: subjectOf(name, size),
    uses: ['subjectOf'],
    source: [
      `import { ${exported} as machine } from 'ledger-snapshotter/machines/${name}';`,
      '',
      `const subject = { ...subjectOf('${name}', '${size}'), machine };`,
    ],
  };
}

/** What a file may export besides its machine. */
const parts = ['machine', 'input', 'samples', 'remembers', 'offers', 'identity'] as const;

type Exports = Readonly<Record<string, unknown>>;

async function fileTarget(
  file: string,
  { out, fileSystem }: { readonly out: string; readonly fileSystem: FileSystem },
): Promise<TestgenTarget> {
  const exports = await load(file, fileSystem);
  const named = parts.filter((part) => exports[part] !== undefined);
  const isWhole = exports['subject'] !== undefined;
  const subject = isWhole
    ? exports['subject']
    : Object.fromEntries(named.map((part) => [part, exports[part]]));
  const names = isWhole ? 'subject' : named.join(', ');
  return {
    name: basename(file).replace(/\.[cm]?js$/, ''),
    subject: checked(file, subject),
    uses: [],
    source: [
      `import { ${names} } from ${specifierOf(file, out)};`,
      ...(isWhole ? [] : ['', `const subject = { ${names} };`]),
    ],
  };
}

async function load(file: string, fileSystem: FileSystem): Promise<Exports> {
  if ((await fileSystem.stat(file)) === undefined) {
    throw new StorageError('NOT_FOUND', `${file} does not exist`, { file });
  }
  try {
    return (await import(pathToFileURL(resolve(file)).href)) as Exports;
  } catch (error) {
    throw new UsageError(`${file} cannot be loaded: ${(error as Error).message}`);
  }
}

/** @throws UsageError for what is no subject, or has samples that hide or forge paths */
function checked(file: string, exported: unknown): Subject {
  const subject = { samples: {}, ...(exported as Partial<Subject>) };
  if (!isMachine(subject.machine)) {
    throw new UsageError(
      `${file} exports no machine`,
      'export machine (an XState v5 machine) and samples, or a subject that has both',
    );
  }
  const whole = { ...subject, machine: subject.machine };
  const faults = alphabetFaults(whole);
  if (faults.length === 0) return whole;
  throw new UsageError(
    `the samples of ${file} are not those of its machine: ${faults.join('; ')}`,
    'export samples, an event for each outcome of a guard; childDone, childFailed and delayPassed of ledger-snapshotter/testing make those of children and delays',
  );
}

/** Not by its class: the file may have an XState of its own. */
function isMachine(value: unknown): value is AnyStateMachine {
  return (
    value instanceof Object && ['config', 'implementations', 'root'].every((it) => it in value)
  );
}

/** As a literal of the source, whatever the file is called. */
function specifierOf(file: string, out: string): string {
  const path = relative(resolve(out), resolve(file)).split(sep).join('/');
  const specifier = path.startsWith('.') ? path : `./${path}`;
  return /[\\'\n\r\u2028\u2029]/.test(specifier) ? JSON.stringify(specifier) : `'${specifier}'`;
}
