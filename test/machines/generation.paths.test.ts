import { describe, expect, test, vi } from 'vitest';
import { generationMachine } from '../../machines/generation.ts';
import { forgedSamples, missingSamples, strangeSamples } from '../../src/testing/graph/alphabet.ts';
import { Coverage } from '../../src/testing/graph/coverage.ts';
import { explore } from '../../src/testing/graph/explore.ts';
import { brokenInvariants, brokenRunLaws } from '../../src/testing/graph/invariants.ts';
import { edgePaths, simplePaths } from '../../src/testing/graph/paths.ts';
import { refusedThatAct } from '../../src/testing/graph/refused.ts';
import { deadEnds, unreachedStates } from '../../src/testing/graph/structure.ts';
import { generationSubject } from './alphabets.ts';
import { generationInvariants, generationLaws } from './generation-laws.ts';
import { goldens } from './goldens.ts';

// Every outcome of every guard makes far more than 2,000 simple paths: these take one sample for each
// (lean), while edges, invariants and refusals take all of them (full).
const formOf = (receipt: 'cose' | 'json') => ({
  receipt,
  lean: explore(generationSubject(receipt, 'lean')),
  full: explore(generationSubject(receipt, 'full')),
});
const forms = [formOf('cose'), formOf('json')] as const;

describe.each(forms)('a generation with a $receipt receipt', ({ receipt, lean, full }) => {
  test('has a sample for all that it reacts to, none strange and none forged', () => {
    expect(missingSamples(full.subject)).toEqual([]);
    expect(strangeSamples(full.subject)).toEqual([]);
    expect(forgedSamples(full.subject.samples)).toEqual([]);
  });

  test('reaches every state, and from each a final one', () => {
    expect(unreachedStates(lean)).toEqual([]);
    expect(deadEnds(lean)).toEqual([]);
    expect(deadEnds(full)).toEqual([]);
  });

  test('keeps its invariants in every state and step', () => {
    expect(brokenInvariants(full, generationInvariants)).toEqual([]);
  });

  test('runs every simple path live and ends as the reference says', () => {
    expect(brokenRunLaws(lean, simplePaths(lean), generationLaws(receipt))).toEqual([]);
  });

  test('has the paths that were reviewed', async () => {
    const golden = goldens.generation(lean, simplePaths(lean));
    await expect(golden).toMatchFileSnapshot('./__snapshots__/generation.paths.txt');
  });
});

test('generation takes every edge live, is moved by nothing that it refuses, and so takes every transition that it defines', () => {
  const warn = vi.spyOn(console, 'warn');
  const coverage = new Coverage();
  for (const { receipt, full } of forms) {
    expect(brokenRunLaws(full, edgePaths(full), generationLaws(receipt), coverage)).toEqual([]);
  }
  const [{ full }] = forms;
  expect(refusedThatAct(full, coverage)).toEqual([]);
  expect(coverage.missing(generationMachine)).toEqual([]);
  // XState warns of an event to an actor that has ended: nothing is told to a child after its end.
  expect(warn).not.toHaveBeenCalled();
});

test.each([
  ['evidence', ['evidence']],
  ['a signature', ['signature', 'later signature']],
  ['a tree', ['tree', 'later tree']],
  ["the signature's proof", ['signature proven', 'later signature proven']],
  ["the tree's proof", ['evidence proven', 'evidence proven in the later tree']],
  ['commit', ['commit', 'later commit']],
])('generation never persists without %s', (_, names) => {
  const subject = generationSubject('cose', 'full');
  const others = Object.entries(subject.samples).filter(([name]) => !names.includes(name));
  const { vertices } = explore({ ...subject, samples: Object.fromEntries(others) });
  expect(vertices.filter(({ state }) => state.matches('persisting'))).toEqual([]);
});
