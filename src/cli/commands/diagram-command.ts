import { join } from 'node:path';
import type { Command } from 'commander';
import { equalBytes } from '../../core/bytes.ts';
import { LedgerSnapshotterError } from '../../core/errors.ts';
import { writeDurably } from '../../files/durable-file.ts';
import type { FileSystem } from '../../io/file-system.ts';
import type { CommandContext } from '../context.ts';
import type { ExitStatus } from '../exit-status.ts';
import { count, formatTable, groupDigits } from '../output/table.ts';
import { diagramFiles } from './drawn-machines.ts';

interface DiagramFlags {
  readonly out: string;
  readonly check?: boolean;
  readonly json?: boolean;
}

export function addDiagramCommand(program: Command, context: CommandContext): void {
  program
    .command('diagram')
    .description('draw the statecharts of this version as Mermaid, SVG and JSON for Stately Studio')
    .option('--out <dir>', 'directory of the drawings, made where it is not there', 'diagrams')
    .option('--check', 'write nothing: exit 1 if a drawing there is missing or of another version')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', help)
    .action((flags: DiagramFlags) => context.run(() => diagram(flags, context)));
}

const help = `
A drawing that is there already is replaced, unless it is fresh. SVG needs elkjs, which is installed apart: npm install elkjs@0.12
Without it the other drawings are written all the same.

Exit status: 0 all fresh, 1 with --check: one is not, 3 one could not be drawn, read or written.

Examples:
  ledger-snapshotter diagram
  ledger-snapshotter diagram --out docs/diagrams
  ledger-snapshotter diagram --out docs/diagrams --check
  ledger-snapshotter diagram --check --json | jq -r 'select(.state != "fresh") | .file'`;

/** What became of a drawing: it was as it should be, was drawn anew, or has to be. */
type DrawingState = 'fresh' | 'written' | 'stale' | 'missing';

interface Drawing {
  readonly file: string;
  readonly bytes: number;
  readonly state: DrawingState;
}

async function diagram(flags: DiagramFlags, context: CommandContext): Promise<ExitStatus> {
  const { out, check = false, json = false } = flags;
  const { environment, terminal } = context;
  if (!check) await environment.fileSystem.makeDirectory(out);
  const drawings: Drawing[] = [];
  try {
    for await (const drawing of drawAll(flags, context)) {
      drawings.push(drawing);
      if (json) terminal.json(drawing);
    }
  } finally {
    // Without elkjs the others are there all the same.
    if (!json && drawings.length > 0) {
      for (const line of formatDrawings(out, drawings)) terminal.result(line);
    }
  }
  return drawings.some(({ state }) => state === 'stale' || state === 'missing') ? 1 : 0;
}

/** Draws one after the other, or with `check` only compares. */
async function* drawAll(
  { out, check = false }: DiagramFlags,
  { environment: { fileSystem }, signal }: CommandContext,
): AsyncGenerator<Drawing, void, undefined> {
  for await (const { file, text } of diagramFiles()) {
    signal.throwIfAborted();
    const bytes = new TextEncoder().encode(text);
    const found = await compare(fileSystem, join(out, file), bytes);
    const isWritten = !check && found !== 'fresh';
    if (isWritten) await writeDurably(fileSystem, join(out, file), bytes);
    yield { file, bytes: bytes.length, state: isWritten ? 'written' : found };
  }
}

/** Larger than any drawing: what is larger is none. */
const bytesMax = 10_000_000;

async function compare(
  fileSystem: FileSystem,
  path: string,
  expected: Uint8Array,
): Promise<'fresh' | 'stale' | 'missing'> {
  try {
    return equalBytes(await fileSystem.readFile(path, { bytesMax }), expected) ? 'fresh' : 'stale';
  } catch (error) {
    if (!(error instanceof LedgerSnapshotterError)) throw error;
    if (error.code === 'NOT_FOUND') return 'missing';
    if (error.code === 'TOO_LARGE') return 'stale';
    throw error;
  }
}

const columns = [
  { title: 'FILE' },
  { title: 'BYTES', align: 'right' },
  { title: 'STATE' },
] as const;

function formatDrawings(out: string, drawings: readonly Drawing[]): readonly string[] {
  const rows = drawings.map(({ file, bytes, state }) => [file, groupDigits(bytes), words[state]]);
  const toDraw = drawings.filter(({ state }) => state === 'stale' || state === 'missing');
  const summary =
    toDraw.length === 0
      ? `${count(drawings.length, 'drawing')} in ${out}, all of them fresh`
      : `${toDraw.map(({ file }) => file).join(', ')}: draw anew with diagram --out ${out}`;
  return [...formatTable(columns, rows), '', summary];
}

const words: Readonly<Record<DrawingState, string>> = {
  fresh: 'fresh',
  written: 'written',
  stale: 'STALE: not what this version draws',
  missing: 'MISSING',
};
