import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's root, whether the test runs from its source or is built. */
export const projectRoot = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** Every TypeScript source under a folder, as paths relative to the root. */
export function sourcesIn(folder: string): string[] {
  return readdirSync(join(projectRoot, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(projectRoot, join(entry.parentPath, entry.name)))
    .sort();
}

export function textOf(source: string): string {
  return readFileSync(join(projectRoot, source), 'utf8');
}

/** What a source imports, statically or not, types included. */
export function importsOf(text: string): string[] {
  const pattern = /(?:\bfrom\s*|\bimport\s*\(\s*|^\s*import\s*)'([^']+)'/gm;
  return [...text.matchAll(pattern)].map(([, specifier]) => specifier ?? '');
}
