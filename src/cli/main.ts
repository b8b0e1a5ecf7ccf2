#!/usr/bin/env node
import { nodeVersionFault } from './node-version.ts';

const fault = nodeVersionFault(process.versions.node);
if (fault === undefined) {
  // Loaded only now: an older Node cannot even link it, and would say so in words that nobody understands.
  const { runCommandLine } = await import('./command-line.ts');
  await runCommandLine();
} else {
  process.stderr.write(`${fault}\n`);
  process.exitCode = 2;
}
