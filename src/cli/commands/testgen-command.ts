import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { writeDurably } from '../../files/durable-file.ts';
import { explore, type Graph } from '../../testing/graph/explore.ts';
import { edgePairPaths } from '../../testing/graph/pairs.ts';
import { edgePaths, type Path, shortestPaths, simplePaths } from '../../testing/graph/paths.ts';
import { machineNames } from '../../testing/subjects/subjects.ts';
import type { CommandContext } from '../context.ts';
import { UsageError } from '../errors.ts';
import type { ExitStatus } from '../exit-status.ts';
import { count } from '../output/table.ts';
import { type FormatName, testgenFormats } from './testgen-formats.ts';
import { targetOf } from './testgen-target.ts';

interface TestgenFlags {
  readonly machine: string;
  readonly paths: PathKind;
  readonly format: FormatName;
  readonly out: string;
}

const pathKinds = {
  simple: (graph) => simplePaths(graph),
  shortest: (graph) => [...shortestPaths(graph).values()].filter((path) => path.length > 0),
  edges: (graph) => edgePaths(graph),
  pairs: (graph) => edgePairPaths(graph),
} as const satisfies Readonly<Record<string, (graph: Graph) => readonly Path[]>>;

type PathKind = keyof typeof pathKinds;

export function addTestgenCommand(program: Command, context: CommandContext): void {
  program
    .command('testgen')
    .description('write the paths of a machine: as tests, as scenarios or as JSON')
    .requiredOption(
      '--machine <name|file.js>',
      `${machineNames.join(', ')}, or a file that exports a machine`,
    )
    .addOption(
      new Option('--paths <kind>', 'which paths')
        .choices(Object.keys(pathKinds))
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--format <name>', 'how they are written')
        .choices(Object.keys(testgenFormats))
        .default('vitest'),
    )
    .requiredOption('--out <dir>', 'directory for the file, which is replaced when it is there')
    .addHelpText('after', help)
    .action((flags: TestgenFlags) => context.run(() => testgen(flags, context)));
}

const help = `
simple     every path to a final state that is in no state twice: the most thorough, for few independent events
shortest   one path to each state
edges      paths that take every event in every state
pairs      paths that take every pair of such steps in succession
Our own machines have one sample for each outcome of a guard with simple and pairs, and all of them with shortest and edges.

A file exports machine (XState v5) and samples, an event for each outcome of a guard by a name for titles; where it has them
also input, offers (what the world can send when), remembers and identity (what tells two states apart), or all of it as subject.
The tests that are written import the kit, ledger-snapshotter/testing, and the machine; two runs write the same bytes.

Exit status: 0 written, 2 wrong usage, samples that are missing or more paths than can be written, 3 could not read or write.

Examples:
  ledger-snapshotter testgen --machine generation --paths simple --out test/generated
  ledger-snapshotter testgen --machine traffic-light.js --paths pairs --out test/generated
  ledger-snapshotter testgen --machine writer --paths edges --format gherkin --out docs
  ledger-snapshotter testgen --machine recovery --paths simple --format json --out paths`;

async function testgen(
  { machine, paths: kind, format, out }: TestgenFlags,
  { environment: { fileSystem }, terminal }: CommandContext,
): Promise<ExitStatus> {
  const size = kind === 'simple' || kind === 'pairs' ? 'lean' : 'full';
  const target = await targetOf(machine, { size, out, fileSystem });
  const { initial, paths } = drawn(() => {
    const graph = explore(target.subject);
    return { initial: graph.initial.state, paths: pathKinds[kind](graph) };
  });
  if (paths.every((path) => path.length === 0)) {
    throw new UsageError(`no sample moves ${target.name} out of its initial state`);
  }
  const { ending, write } = testgenFormats[format];
  const file = join(out, `${target.name}.${kind}.${ending}`);
  await fileSystem.makeDirectory(out);
  const text = write({ target, kind, initial, paths });
  await writeDurably(fileSystem, file, new TextEncoder().encode(text));
  const steps = paths.reduce((sum, path) => sum + path.length, 0);
  terminal.result(`${file}: ${count(paths.length, 'path')}, ${count(steps, 'step')}`);
  return 0;
}

/** A bound of the kit's is for whoever chose the samples. */
function drawn<Drawn>(draw: () => Drawn): Drawn {
  try {
    return draw();
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(error.message) : error;
  }
}
