import type { Command } from 'commander';

/** Whether a word is an option whose value is the next word. */
export type TakesValue = (word: string) => boolean;

/**
 * The places in a command line where options are: not behind `--`, and not where a word is the value of the option
 * before it, whatever that value begins with.
 */
export function optionPlaces(args: readonly string[], takesValue: TakesValue): readonly number[] {
  const places: number[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? '';
    if (word === '--') break;
    if (!word.startsWith('-')) continue;
    places.push(at);
    if (takesValue(word)) at++;
  }
  return places;
}

/** Which words of a program, or of any of its commands, take the next word as their value. */
export function takesValueIn(program: Command): TakesValue {
  const options = [program, ...program.commands].flatMap((command) => [...command.options]);
  const words = options
    .filter(({ required }) => required)
    .flatMap(({ long, short }) => [long, short]);
  const taking = new Set(words);
  return (word) => taking.has(word);
}
