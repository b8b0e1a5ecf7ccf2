/**
 * Where the compiled worker is. Threads need plain JavaScript, so when this module runs from its
 * TypeScript source, as under a test runner, the built worker beside it is taken.
 */
export function workerEntry(): URL {
  const isSource = import.meta.url.endsWith('.ts');
  return new URL(isSource ? '../../dist/src/jobs/worker.js' : './worker.js', import.meta.url);
}
