import { Option } from 'commander';
import { type CrossCheckVerdict, crossChecks } from '../engine/second-opinion.ts';

const name = '--cross-check';

/** Whether cose-js, another implementation, is asked about COSE receipts too. */
export function crossCheckOption(usual: string): Option {
  return new Option(
    `${name} [mode]`,
    `whether cose-js, another implementation, must accept COSE receipts too; written ${name}=MODE, alone it is required; usually ${usual}`,
  )
    .choices(crossChecks)
    .preset('required');
}

/**
 * Writes out the mode of an option that stands alone: what follows it is a file, and no mode.
 * @param args a command line
 */
export function withCrossCheckMode(args: readonly string[]): readonly string[] {
  const end = args.indexOf('--');
  return args.map((arg, index) =>
    arg === name && (end < 0 || index < end) ? `${name}=required` : arg,
  );
}

/** What the self-test of cose-js came to, for people. */
export function crossCheckText(verdict: CrossCheckVerdict): string {
  if (verdict.status === 'available') return 'cose-js accepts receipts too';
  if (verdict.status === 'off') return 'off: node:crypto alone checks receipts';
  return `unavailable, node:crypto alone checks receipts: ${verdict.reason}`;
}
