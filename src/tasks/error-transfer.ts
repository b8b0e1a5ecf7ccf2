import {
  AbortedError,
  ConsensusError,
  type ErrorPlace,
  FormatError,
  LedgerSnapshotterError,
  StorageError,
  VerificationError,
} from '../core/errors.ts';

/** An error as plain data: a thread boundary would keep neither its class nor its code. */
export interface EncodedError {
  /** Name of the class. */
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  /** Of our errors, and of Node's own, such as `EIO`. */
  readonly code?: string;
  readonly place: Omit<ErrorPlace, 'cause'>;
  readonly cause?: EncodedError;
}

/** Causes behind an error that are carried over; errors can name each other in a circle. */
const causesMax = 8;

/** Takes anything that was thrown. */
export function encodeError(error: unknown, depth = 0): EncodedError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), place: {} };
  const { code } = error as NodeJS.ErrnoException;
  return {
    name: error.name,
    message: error.message,
    ...(error.stack !== undefined && { stack: error.stack }),
    ...(typeof code === 'string' && { code }),
    place: error instanceof LedgerSnapshotterError ? placeOf(error) : {},
    ...(error.cause !== undefined &&
      depth < causesMax && { cause: encodeError(error.cause, depth + 1) }),
  };
}

function placeOf({
  file,
  offset,
  seqno,
  table,
  key,
  actual,
  expected: limit,
}: LedgerSnapshotterError): Omit<ErrorPlace, 'cause'> {
  return {
    ...(file !== undefined && { file }),
    ...(offset !== undefined && { offset }),
    ...(seqno !== undefined && { seqno }),
    ...(table !== undefined && { table }),
    ...(key !== undefined && { key }),
    ...(actual !== undefined && { actual }),
    ...(limit !== undefined && { expected: limit }),
  };
}

/** The error that {@link encodeError} took, of the same class; one of a class unknown here is an `Error` of its name. */
export function decodeError(encoded: EncodedError): Error {
  const error = construct(encoded);
  if (encoded.stack !== undefined) error.stack = encoded.stack;
  return error;
}

type AnyCodeClass = new (code: never, message: string, place: ErrorPlace) => LedgerSnapshotterError;

const ourClasses: ReadonlyMap<string, AnyCodeClass> = new Map<string, AnyCodeClass>([
  ['FormatError', FormatError],
  ['VerificationError', VerificationError],
  ['StorageError', StorageError],
  ['ConsensusError', ConsensusError],
]);

const builtInClasses: ReadonlyMap<string, new (message: string, options: ErrorOptions) => Error> =
  new Map([
    ['TypeError', TypeError],
    ['RangeError', RangeError],
  ]);

function construct({ name, message, code, place, cause }: EncodedError): Error {
  const options = cause === undefined ? {} : { cause: decodeError(cause) };
  if (name === 'AbortedError') return new AbortedError(message.replace(/ was aborted$/, ''));
  const ourClass = ourClasses.get(name);
  // The code was made by that very class on the other side of a channel that only our code writes to.
  if (ourClass !== undefined) return new ourClass(code as never, message, { ...place, ...options });
  const builtInClass = builtInClasses.get(name) ?? Error;
  const error = new builtInClass(message, options);
  if (error.name !== name) error.name = name;
  return code === undefined ? error : Object.assign(error, { code });
}
