import { type Command, InvalidArgumentError, type Option } from 'commander';
import { isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, type YAMLMap } from 'yaml';
import { fromUtf8 } from '../../core/bytes.ts';
import { LedgerSnapshotterError } from '../../core/errors.ts';
import { readNamedFile } from '../../files/named-file.ts';
import type { FileSystem } from '../../io/file-system.ts';
import { UsageError } from '../errors.ts';
import { optionPlaces, type TakesValue } from './option-words.ts';

/** A file of options is written by hand; the YAML parser takes time by the square of some malformed texts. */
const configBytesMax = 16 * 1024;

/** Options are two levels deep: the parser calls itself for each level, and so ends the process where there are thousands. */
const nestingMax = 32;

/** Widest indentation, and most indicators of a level (`- `, `? `, `: `) in one line. */
const indentMax = 64;

/**
 * The file that a command line names with `--config`, if it does: the last one counts.
 * @param takesValue which words are options with a value, that may look like an option itself
 */
export function configFileOf(
  args: readonly string[],
  takesValue: TakesValue = (word) => word === '--config',
): string | undefined {
  const at = optionPlaces(args, takesValue).findLast((place) =>
    /^--config(?:=|$)/.test(args[place] ?? ''),
  );
  if (at === undefined) return undefined;
  const arg = args[at];
  return arg === '--config' ? args[at + 1] : arg?.slice('--config='.length);
}

/**
 * Makes what a file says the defaults of the options that it names, in YAML or JSON: those of the program at the
 * top, those of a command under its name. What the command line says counts before it.
 * @throws UsageError that names the key, the line and the column of what is wrong
 * @throws StorageError when the file cannot be read
 */
export async function applyConfig(
  program: Command,
  file: string,
  fileSystem: FileSystem,
): Promise<void> {
  const bytes = await readNamedFile(fileSystem, file, { bytesMax: configBytesMax });
  const text = textOf(bytes, file);
  checkNesting(text, file);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const refuse: Refuse = (node, message, next) => {
    const { line, col } = lines.linePos(offsetOf(node));
    throw new UsageError(`${file}:${line}:${col}: ${message}`, next);
  };
  const [error] = document.errors;
  // The library's message goes on with a picture of the place, which we have told.
  if (error) refuse({ range: error.pos }, error.message.split(/ at line |\n/)[0] ?? 'bad YAML');
  const { contents } = document;
  if (contents === null) return;
  if (!isMap(contents)) refuse(contents, 'options are written as key: value');
  else applyTo(program, contents, refuse);
}

type Place = { readonly range?: readonly number[] | null | undefined };
type Refuse = (node: unknown, message: string, next?: string) => never;

function offsetOf(node: unknown): number {
  return (node as Place | null)?.range?.[0] ?? 0;
}

function textOf(bytes: Uint8Array, file: string): string {
  try {
    return fromUtf8(bytes, 'BAD_TEXT');
  } catch (error) {
    if (!(error instanceof LedgerSnapshotterError)) throw error;
    throw new UsageError(`${file}: it is not UTF-8 text`);
  }
}

/**
 * Refuses what is nested too deep before it is parsed, brackets in quotes included.
 * @throws UsageError
 */
function checkNesting(text: string, file: string): void {
  let depth = 0;
  for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) {
    for (const letter of line) {
      if (letter === '[' || letter === '{') depth += 1;
      if (letter === ']' || letter === '}') depth = Math.max(0, depth - 1);
      if (depth > nestingMax) throw tooDeep(file, index + 1);
    }
    const indent = /^[\s?-]*/.exec(line)?.[0].length ?? 0;
    const levels = line.match(/(?:^|\s)[-?:](?=\s|$)/g)?.length ?? 0;
    if (indent > indentMax || levels > indentMax) throw tooDeep(file, index + 1);
  }
}

function tooDeep(file: string, line: number): UsageError {
  const message = `${file}:${line}:1: it is nested too deep: options are two levels, at most ${nestingMax} are read`;
  return new UsageError(message, 'write options as key: value, those of a command below its name');
}

/** Those that say how something is done; `--version` and `--config` do something by themselves. */
const optionsOf = ({ options }: Command): readonly Option[] =>
  options.filter(({ long }) => long !== '--version' && long !== '--config');

const nameOf = ({ long }: Option): string => long?.slice('--'.length) ?? '';

function applyTo(command: Command, values: YAMLMap, refuse: Refuse): void {
  for (const pair of values.items) {
    const key = isPair(pair) && isScalar(pair.key) ? String(pair.key.value) : undefined;
    if (key === undefined) refuse(values, 'a key must be a word');
    const inner = command.commands.find((candidate) => candidate.name() === key);
    const option = optionsOf(command).find(({ long }) => long === `--${key}`);
    if (inner !== undefined && isMap(pair.value)) applyTo(inner, pair.value, refuse);
    else if (inner !== undefined) refuse(pair.key, `the options of ${key} go under it`);
    else if (option === undefined) refuse(pair.key, ...unknownKey(command, key));
    else setDefault(command, option, readValue(option, pair.value, refuse));
  }
}

/** As if it were written into the program: a value of the command line takes its place, and help shows it. */
function setDefault(command: Command, option: Option, value: unknown): void {
  option.default(value);
  command.setOptionValueWithSource(option.attributeName(), value, 'default');
}

function readValue(option: Option, node: unknown, refuse: Refuse): unknown {
  const name = nameOf(option);
  if (option.isBoolean() || option.negate) {
    if (isScalar(node) && typeof node.value === 'boolean') return node.value !== option.negate;
    return refuse(node, `${name} is true or false`);
  }
  const items = isSeq(node) ? node.items : [node];
  if (!repeats(option)) {
    if (items.length !== 1) return refuse(node, `${name} has one value`);
    return readOne(option, items[0], refuse);
  }
  return items.map((item) => readOne(option, item, refuse));
}

/** Whether an option may be given several times, and so comes as a list. */
const repeats = ({ variadic, defaultValue }: Option): boolean =>
  variadic || Array.isArray(defaultValue);

function readOne(option: Option, node: unknown, refuse: Refuse): unknown {
  const name = nameOf(option);
  // Of an option that may stand alone: true is alone, false is off.
  if (isScalar(node) && typeof node.value === 'boolean' && option.presetArg !== undefined) {
    return node.value ? option.presetArg : 'off';
  }
  if (!isScalar(node) || !['string', 'number'].includes(typeof node.value)) {
    return refuse(node, `${name} is a word or a number`);
  }
  const text = String(node.value);
  const { argChoices } = option;
  if (argChoices && !argChoices.includes(text)) {
    return refuse(node, `${name} is one of ${argChoices.join(', ')}, not "${text}"`);
  }
  if (argChoices || repeats(option) || option.parseArg === undefined) return text;
  try {
    return option.parseArg(text, undefined);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    return refuse(node, `${name} "${text}" is not possible. ${error.message}`);
  }
}

function unknownKey(command: Command, key: string): [message: string, next: string] {
  const names = [
    ...optionsOf(command).map(nameOf),
    ...command.commands.filter((inner) => inner.options.length > 0).map((inner) => inner.name()),
  ];
  const nearest = names.find((name) => name === `no-${key}` || distance(name, key) <= 2);
  const of = command.parent === null ? '' : ` of ${command.name()}`;
  const hint = nearest === undefined ? `one of ${names.join(', ')}` : `did you mean ${nearest}?`;
  return [`there is no option "${key}"${of}`, hint];
}

/** Letters to change, add or leave out until one word is the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const changed = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
