import { join } from 'node:path';
import { build } from 'esbuild';
import { projectRoot } from '../architecture/sources.ts';

/** The receipts entry in one module for a browser, as a user's bundler makes it; a `node:` module in it is an error. */
export async function bundleReceipts(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(projectRoot, 'src/receipts/entry.ts')],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}
