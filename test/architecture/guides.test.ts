import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript';
import { describe, expect, onTestFinished, test } from 'vitest';
import { codeBlocksOf, guides } from './guides.ts';
import { projectRoot, textOf } from './sources.ts';

const run = promisify(execFile);

/** A hang is a failure; how long whole programs take on a busy machine is not. */
const slowMs = 600_000;

async function temporary(prefix: string): Promise<string> {
  const path = await mkdtemp(prefix);
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

const programsOf = (file: string) =>
  codeBlocksOf(file).filter(({ language, info }) => language === 'ts' && info === '');

test("the guides' programs fit the types of the package", async () => {
  const folder = await temporary(join(tmpdir(), 'guides-'));
  const files = ['README.md', ...guides].flatMap((guide) =>
    programsOf(guide).map(({ text }, index) => ({ name: `${guide}-${index}.mts`, text })),
  );
  expect(files.length).toBeGreaterThan(3);
  for (const { name, text } of files) await writeFile(join(folder, name), text);
  // As whoever has installed it: from its declarations, by its name.
  await mkdir(join(folder, 'node_modules'));
  await symlink(projectRoot, join(folder, 'node_modules/ledger-snapshotter'));
  const compilerOptions = {
    ...{ noEmit: true, target: 'es2023', module: 'nodenext', skipLibCheck: true },
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
    lib: ['es2023', 'esnext.disposable'],
    types: ['node'],
    typeRoots: [join(projectRoot, 'node_modules/@types')],
  };
  const config = { compilerOptions, include: ['*.mts'] };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(projectRoot, 'node_modules/typescript/bin/tsc');
  const said = await run(process.execPath, [tsc, '-p', folder]).then(
    () => '',
    ({ stdout }: { stdout: string }) => stdout,
  );
  expect(said).toBe('');
}, 600_000);

describe.each(guides)('%s', (guide) => {
  const text = textOf(guide);
  const blocks = codeBlocksOf(guide);

  test('has links that lead somewhere, to headings too', () => {
    const links = [...text.matchAll(/\]\((?!https)([^)#]*)(?:#([^)]+))?\)/g)];
    for (const [, file = '', heading] of links) {
      const target = file === '' ? text : textOf(file);
      expect(target.length, file).toBeGreaterThan(100);
      if (heading !== undefined) expect(anchorsOf(target), `${file}#${heading}`).toContain(heading);
    }
  });

  test('names files, options of the package and commands that are there', () => {
    for (const [, path = ''] of text.matchAll(/`((?:src|machines|test)\/[\w./-]+\.ts)`/g)) {
      expect(textOf(path).length, path).toBeGreaterThan(10);
    }
    const commands = [...text.matchAll(/ledger-snapshotter (\w+)/g)].map(([, name = '']) => name);
    const known =
      'start replay verify recover show list prune identities receipt diagram testgen completion'.split(
        ' ',
      );
    expect(commands.filter((name) => !known.includes(name))).toEqual([]);
  });

  test('quotes its examples word for word', () => {
    for (const { info, text: quoted } of blocks.filter(
      ({ language, info }) => language === 'ts' && info !== '',
    )) {
      expect(textOf(info), info).toContain(quoted);
    }
  });

  test('is short enough to be read', () => {
    expect(text.split('\n').length).toBeLessThanOrEqual(300);
  });
});

/** Headings as GitHub names them. */
function anchorsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .trim()
      .replaceAll(/\s/g, '-'),
  );
}

test(
  "EMBEDDING.md's programs run as they stand",
  async () => {
    const said: string[] = [];
    for (const [index, { text }] of programsOf('EMBEDDING.md').entries()) {
      const folder = await temporary(join(projectRoot, 'dist/embedding-'));
      const file = join(folder, `program-${index}.mjs`);
      const { stdout } = await runTypeScript(text, file);
      said.push(stdout);
    }
    const [node = '', contract = '', proven = '', watched = ''] = said;
    expect(node).toMatch(/^50 committed snapshot_50_\d+\.committed$/m);
    expect(node).toMatch(/^60 visits$/m);
    expect(contract).toMatch(/^[#ℹ] pass 7$/m);
    expect(contract).toMatch(/^[#ℹ] fail 0$/m);
    expect(proven).toMatch(/^true 2\.\d+$/m);
    expect(watched).toMatch(/^@xstate\.actor @xstate\.event @xstate\.snapshot$/m);
    expect(said).toHaveLength(4);
  },
  slowMs,
);

/** Takes the types off, as Node 20 cannot run them, and runs what is left beside its data. */
async function runTypeScript(text: string, file: string) {
  const { outputText } = transpileModule(text, {
    compilerOptions: { module: ModuleKind.ESNext, target: ScriptTarget.ES2023 },
  });
  await writeFile(file, outputText);
  // Else node:test would report to the one that runs us.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return run(process.execPath, [file], { cwd: dirname(file), env });
}

describe.each(['OPERATIONS.md', 'CCF.md'] as const)('the commands of %s', (guide) => {
  test(
    'run in their order',
    async () => {
      const cwd = await temporary(join(tmpdir(), 'guide-'));
      const bin = join(cwd, 'bin');
      await cp(join(projectRoot, 'test/fixtures/0.1.0/small-ledger'), join(cwd, 'ccf'), {
        recursive: true,
      });
      await mkdir(bin);
      const command = join(bin, 'ledger-snapshotter');
      await writeFile(
        command,
        `#!/bin/sh\nexec '${process.execPath}' '${projectRoot}/dist/src/cli/main.js' "$@"\n`,
      );
      await chmod(command, 0o755);
      const script = codeBlocksOf(guide)
        .filter(({ language }) => language === 'sh')
        .map(({ text }) => text)
        .join('');
      expect(script.split('\n').length).toBeGreaterThan(8);
      const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}` };
      const ended = await run('sh', ['-e', '-x', '-c', script], { cwd, env }).then(
        () => 'all of them',
        ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr,
      );
      expect(ended).toBe('all of them');
    },
    slowMs,
  );
});
