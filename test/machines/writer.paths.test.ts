import { describe, expect, test, vi } from 'vitest';
import { type WriterContext, writerMachine } from '../../machines/writer.ts';
import { forgedSamples, missingSamples, strangeSamples } from '../../src/testing/graph/alphabet.ts';
import { Coverage } from '../../src/testing/graph/coverage.ts';
import { explore } from '../../src/testing/graph/explore.ts';
import { brokenInvariants, brokenRunLaws } from '../../src/testing/graph/invariants.ts';
import { edgePaths, simplePaths } from '../../src/testing/graph/paths.ts';
import { refusedThatAct } from '../../src/testing/graph/refused.ts';
import { deadEnds, unreachedStates } from '../../src/testing/graph/structure.ts';
import { writerSubject } from './alphabets.ts';
import { goldens } from './goldens.ts';
import { writerInvariants, writerRunLaws } from './writer-laws.ts';

const graph = explore(writerSubject);

describe('writer', () => {
  test('has a sample for all that it reacts to, none strange and none forged', () => {
    expect(missingSamples(writerSubject)).toEqual([]);
    expect(strangeSamples(writerSubject)).toEqual([]);
    expect(forgedSamples(writerSubject.samples)).toEqual([]);
  });

  test('reaches every state, and from each a final one', () => {
    expect(unreachedStates(graph)).toEqual([]);
    expect(deadEnds(graph)).toEqual([]);
  });

  test('keeps its invariants in every state and step', () => {
    expect(brokenInvariants(graph, writerInvariants)).toEqual([]);
  });

  test('runs every simple path live', () => {
    expect(brokenRunLaws(graph, simplePaths(graph), writerRunLaws)).toEqual([]);
  });

  test('takes every edge live, is moved by nothing that it refuses, and so takes every transition that it defines', () => {
    const warn = vi.spyOn(console, 'warn');
    const coverage = new Coverage();
    expect(brokenRunLaws(graph, edgePaths(graph), writerRunLaws, coverage)).toEqual([]);
    expect(refusedThatAct(graph, coverage)).toEqual([]);
    expect(coverage.missing(writerMachine)).toEqual([]);
    expect(warn).not.toHaveBeenCalled();
  });

  test.each([
    [
      'tries once more than the bound',
      ({ status, attempt, attemptsMax }: WriterContext) =>
        status === 'failed' && attempt < attemptsMax,
    ],
    [
      'tries again what found another file there, or was told to end',
      ({ attempt }: WriterContext) => attempt < 1,
    ],
    ['never tries again', () => false],
  ])('breaks a law when it %s', (_, mayRunAgain) => {
    const guards = {
      mayRunAgain: ({ context }: { context: WriterContext }) => mayRunAgain(context),
    };
    const machine = writerMachine.provide({ guards });
    const broken = explore({ ...writerSubject, machine });
    expect([
      ...brokenInvariants(broken, writerInvariants),
      ...brokenRunLaws(broken, edgePaths(broken), writerRunLaws),
    ]).not.toEqual([]);
  });

  test('has the paths that were reviewed', async () => {
    const golden = goldens.writer(graph, simplePaths(graph));
    await expect(golden).toMatchFileSnapshot('./__snapshots__/writer.paths.txt');
  });
});
