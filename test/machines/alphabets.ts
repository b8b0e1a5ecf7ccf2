// The samples are shipped, since the charts write tests for whoever installs them: these are the same.
export { at, committed, evidence, fact } from '../../src/testing/subjects/facts.ts';
export { generationSubject } from '../../src/testing/subjects/generation.ts';
export { chainSubject } from '../../src/testing/subjects/ordered-tasks.ts';
export { writerSubject } from '../../src/testing/subjects/writer.ts';
