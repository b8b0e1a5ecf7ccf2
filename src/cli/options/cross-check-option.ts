import { Option } from 'commander';
import { type CrossCheckVerdict, crossChecks } from '../../jobs/second-opinion.ts';
import { optionPlaces, type TakesValue } from './option-words.ts';

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
 * @param takesValue which words are options with a value, that may look like an option itself
 */
export function withCrossCheckMode(
  args: readonly string[],
  takesValue: TakesValue = () => false,
): readonly string[] {
  const places = new Set(optionPlaces(args, takesValue));
  return args.map((arg, index) => (arg === name && places.has(index) ? `${name}=required` : arg));
}

/** What the self-test of cose-js came to, for people. */
export function crossCheckText(verdict: CrossCheckVerdict): string {
  if (verdict.status === 'available') return 'cose-js accepts receipts too';
  if (verdict.status === 'off') return 'off: node:crypto alone checks receipts';
  return `unavailable, node:crypto alone checks receipts: ${verdict.reason}`;
}
