/**
 * The public test kit, `ledger-snapshotter/testing`: tests drawn from any XState v5 machine.
 *
 * Samples name the events, a graph is explored from them, paths are drawn from the graph and run
 * against the live machine. No test framework is imported: what is wrong comes back as a list of words,
 * to be compared with the empty one.
 *
 * @module
 */
export {
  alphabetFaults,
  childDone,
  childFailed,
  delayPassed,
  forgedSamples,
  missingSamples,
  strangeSamples,
} from './graph/alphabet.ts';
export { Coverage } from './graph/coverage.ts';
export {
  type Edge,
  type ExploreOptions,
  explore,
  type Graph,
  type Vertex,
} from './graph/explore.ts';
export {
  type GoldenOptions,
  goldenGraph,
  goldenPaths,
  type Naming,
  plainly,
} from './graph/golden.ts';
export { canonical } from './graph/identity.ts';
export {
  brokenInvariants,
  brokenRunLaws,
  type Invariants,
  type RunLaws,
} from './graph/invariants.ts';
export { countPairs, type EdgePairsOptions, edgePairPaths } from './graph/pairs.ts';
export {
  edgePaths,
  isFinal,
  type Path,
  type SimplePathsOptions,
  shortestPaths,
  simplePaths,
  stateName,
  titleOf,
} from './graph/paths.ts';
export { refusedThatAct } from './graph/refused.ts';
export { type ActionNote, LiveRun, type RunOptions, runPath, runSamples } from './graph/runner.ts';
export { deadEnds, structureFaults, unreachedStates } from './graph/structure.ts';
export { type ChildNote, StubbedMachine } from './graph/stub.ts';
export type { Samples, Situation, Subject } from './graph/subject.ts';
export { randomWalks, type WalkOptions } from './graph/walk.ts';
export {
  type MachineName,
  machineNames,
  type SubjectSize,
  subjectOf,
} from './subjects/subjects.ts';
