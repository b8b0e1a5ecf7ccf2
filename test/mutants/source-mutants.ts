import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import type { AnyStateMachine } from 'xstate';
import { type Mutant, rebuilt } from '../../src/testing/graph/mutants/mutants.ts';
import { type Switched, switched } from './switched-source.ts';

/** Machines of ours, by the module and the name under which it is exported. */
export interface SourceMachine {
  readonly module: string;
  readonly name: string;
  /** Modules whose functions are changed. */
  readonly changes: readonly string[];
}

const isBuilt = import.meta.url.endsWith('.js');
const extension = isBuilt ? 'js' : 'ts';

/**
 * Mutants of what a machine's functions do inside: operands, comparisons and negations in `machines/`.
 *
 * Every mutant is in one changed copy of the modules, which is loaded once, and a switch says which of
 * them is on: hundreds of copies would stay in memory, and each take its time to load. The copy lies
 * beside `machines`, so that it shares `src/core`: a proof is one by its class.
 */
export async function sourceMutantsOf(of: SourceMachine): Promise<readonly Mutant[]> {
  const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
  const folder = mkdtempSync(join(root, '.mutants-'));
  try {
    const names = writeCopies(folder, of.changes);
    const load = (module: string): Promise<Record<string, unknown>> =>
      import(/* @vite-ignore */ pathToFileURL(join(folder, `${module}.${extension}`)).href);
    // Both are what the lines below and the machine's own module export.
    const active = (await load('switch'))['active'] as { mutant: number };
    const machine = (await load(of.module))[of.name] as AnyStateMachine;
    return names.map((name, index) => ({
      name,
      run: (trial) => on(active, index, () => trial(rebuilt(machine))),
    }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function on<Result>(active: { mutant: number }, index: number, run: () => Result): Result {
  active.mutant = index;
  try {
    return run();
  } finally {
    active.mutant = -1;
  }
}

const modules = [
  'events',
  'generation',
  'generation-setup',
  'guards',
  'ordered-tasks',
  'ports',
  'recovery',
  'snapshotter',
  'snapshotter-setup',
  'writer',
];

/** Writes all of `machines` into the folder, some of it changed, and names the mutants in order. */
function writeCopies(folder: string, changes: readonly string[]): readonly string[] {
  const names: string[] = [];
  for (const module of modules) {
    const text = readFileSync(join(process.cwd(), 'machines', `${module}.ts`), 'utf8');
    const isChanged = changes.includes(module);
    const copy: Switched = isChanged ? switched(module, text, names.length) : { text, names: [] };
    names.push(...copy.names);
    write(folder, module, copy.text);
  }
  write(folder, 'switch', 'export const active = { mutant: -1 };\n');
  return names;
}

function write(folder: string, module: string, text: string): void {
  writeFileSync(join(folder, `${module}.${extension}`), isBuilt ? compiled(text) : text);
}

function compiled(text: string): string {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    },
  });
  return outputText;
}
