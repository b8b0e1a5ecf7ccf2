import type { AnyStateMachine } from 'xstate';

/** JSON, as `JSON.parse` gives it. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: Json;
}

/**
 * A machine's chart as the JSON configuration that Stately Studio imports and `createMachine` reads: names
 * stand for guards, actions, actors and delays, and what only a program can say (context, inputs, outputs,
 * parameters made by a function) is left out.
 */
export function machineToJson(machine: AnyStateMachine): JsonObject {
  return stateJson(machine.root.config as Config);
}

/** A configuration as far as it is known before it is looked at. */
type Config = Readonly<Record<string, unknown>>;

type Writer = (value: unknown) => Json | undefined;

function stateJson(config: Config): JsonObject {
  return written(config, stateFields);
}

/** The fields of a state, in the order of the file, and how each is written. */
const stateFields: Readonly<Record<string, Writer>> = {
  id: plain,
  description: plain,
  type: plain,
  history: plain,
  target: plain,
  initial: plain,
  tags: plain,
  meta: plain,
  entry: named,
  exit: named,
  invoke: (value) => listOrOne(value, (invoke) => written(asConfig(invoke), invokeFields)),
  on: transitionsByEvent,
  after: transitionsByEvent,
  always: transitions,
  onDone: transitions,
  states: (value) => mapValues(asConfig(value), (state) => stateJson(asConfig(state))),
};

const invokeFields: Readonly<Record<string, Writer>> = {
  id: plain,
  src: named,
  onDone: transitions,
  onError: transitions,
  onSnapshot: transitions,
};

const transitionFields: Readonly<Record<string, Writer>> = {
  description: plain,
  guard: named,
  target: plain,
  reenter: plain,
  actions: named,
};

function written(config: Config, fields: Readonly<Record<string, Writer>>): JsonObject {
  const entries = Object.entries(fields).flatMap(([key, write]): [string, Json][] => {
    const value = config[key] === undefined ? undefined : write(config[key]);
    return value === undefined ? [] : [[key, value]];
  });
  return Object.fromEntries(entries);
}

function transitionsByEvent(value: unknown): Json {
  return mapValues(asConfig(value), (transition) => transitions(transition) ?? {});
}

function transitions(value: unknown): Json | undefined {
  return listOrOne(value, (transition) =>
    typeof transition === 'string' ? transition : written(asConfig(transition), transitionFields),
  );
}

/** An action, guard or actor by its name: `{type}`, with parameters where they are data. */
function named(value: unknown): Json | undefined {
  return listOrOne(value, (item) => {
    if (typeof item === 'string') return item;
    const { type, params } = asConfig(item);
    if (typeof type !== 'string') return { type: 'inline' };
    const data = plain(params);
    return data === undefined ? { type } : { type, params: data };
  });
}

/** Data as it is; a function is none. */
function plain(value: unknown): Json | undefined {
  const text = JSON.stringify(value);
  return text === undefined ? undefined : (JSON.parse(text) as Json);
}

function listOrOne(value: unknown, write: (item: unknown) => Json): Json {
  return Array.isArray(value) ? value.map(write) : write(value);
}

function mapValues(config: Config, write: (value: unknown) => Json): JsonObject {
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key, write(value)]));
}

// Functions have no fields that are looked for here, so they are as good as an empty configuration.
function asConfig(value: unknown): Config {
  return value instanceof Object ? (value as Config) : {};
}
