import { fileURLToPath } from 'node:url';

/** The compiled command line, also when this module runs from its TypeScript source. */
export function mainFile(): string {
  const isSource = import.meta.url.endsWith('.ts');
  const path = isSource ? '../../dist/src/cli/main.js' : './main.js';
  return fileURLToPath(new URL(path, import.meta.url));
}
