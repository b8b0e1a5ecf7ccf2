/**
 * Mutants of code that no test could notice, by source file and name (see `codeMutantsOf`), each with its proof. An
 * entry that names no mutant, or one that is noticed, fails `npm run mutants:code`; so do more of them than three in a
 * hundred of a group's mutants.
 */
export const codeEquivalents: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'src/snapshotter/generation-work.ts': {
    'if (next !== undefined) needed.add(next);: next !== undefined → true':
      'no fact has the seqno undefined, so that it is needed for nothing',
    'const asked = ++work.proofsAsked;: ++work.proofsAsked → --work.proofsAsked':
      'the numbers tell the askings apart, whichever way they go',
    "signal.addEventListener('abort', abort, { once: true });: { once: true } → {}":
      'a signal tells of its abort once',
    "signal.addEventListener('abort', abort, { once: true });: true → false":
      'a signal tells of its abort once',
  },
  'src/files/spool.ts': {
    'assert(this.#handle !== undefined, `${this.file} has no handle`);: this.#handle !== undefined → true':
      'the states open and synced begin with the handle: the assertion is there for the types',
    'assert(this.#handle !== undefined, `${this.file} has no handle`);: `${this.file} has no handle` → ``':
      'the message of an assertion that cannot fail',
  },
};
