import { expect, test } from 'vitest';
import type { JobClass } from '../../src/tasks/job.ts';
import { JobBoard, type WaitingJob } from '../../src/tasks/job-board.ts';

/** Jobs that write down how they were refused. */
function makeJobs() {
  const refused: string[] = [];
  const makeJob = (job: string, jobClass: JobClass): WaitingJob => ({
    job,
    jobClass,
    reject: (error) => refused.push(`${job} ${(error as { code: string }).code}`),
  });
  return { refused, makeJob };
}

const namesOn = (board: JobBoard<WaitingJob>) => [...board].map(({ job }) => job);

test('TSK-10 JobBoard gives jobs of a class in the order in which they came', () => {
  const { makeJob } = makeJobs();
  const board = new JobBoard(3);
  for (const job of ['a', 'b', 'c']) board.add(makeJob(job, 'normal'));
  expect(namesOn(board)).toEqual(['a', 'b', 'c']);
});

test('TSK-10 JobBoard gives critical jobs before all normal ones', () => {
  const { makeJob } = makeJobs();
  const board = new JobBoard(3);
  board.add(makeJob('a', 'normal'));
  board.add(makeJob('b', 'critical'));
  board.add(makeJob('c', 'normal'));
  board.add(makeJob('d', 'critical'));
  expect(namesOn(board)).toEqual(['b', 'd', 'a', 'c']);
});

test('TSK-12 JobBoard gives nothing, at once, when nothing waits', () => {
  expect(namesOn(new JobBoard(3))).toEqual([]);
});

test('TSK-2 JobBoard takes off a job that waits, and no other', () => {
  const { makeJob } = makeJobs();
  const board = new JobBoard(3);
  const job = makeJob('b', 'normal');
  board.add(makeJob('a', 'normal'));
  board.add(job);
  expect([board.delete(job), board.delete(job)]).toEqual([true, false]);
  expect(namesOn(board)).toEqual(['a']);
});

test('JobBoard refuses one job more of a class than may wait, and takes the other class', () => {
  const { makeJob, refused } = makeJobs();
  const board = new JobBoard(1);
  board.add(makeJob('a', 'normal'));
  board.add(makeJob('b', 'normal'));
  board.add(makeJob('c', 'critical'));
  expect(refused).toEqual(['b QUEUE_FULL']);
  expect(namesOn(board)).toEqual(['c', 'a']);
});

test('TSK-14 JobBoard.waiting counts the jobs of each class', () => {
  const { makeJob } = makeJobs();
  const board = new JobBoard(3);
  board.add(makeJob('a', 'normal'));
  board.add(makeJob('b', 'critical'));
  board.add(makeJob('c', 'normal'));
  expect(board.waiting).toEqual({ critical: 1, normal: 2 });
});

test('TSK-40 JobBoard.close() refuses all that waits once, critical jobs first', () => {
  const { makeJob, refused } = makeJobs();
  const board = new JobBoard(3);
  board.add(makeJob('a', 'normal'));
  board.add(makeJob('b', 'critical'));
  board.close();
  board.close();
  expect(refused).toEqual(['b CLOSED', 'a CLOSED']);
  expect(board.waiting).toEqual({ critical: 0, normal: 0 });
});

test('TSK-40 JobBoard.close() has let go of all jobs when the first one hears of it', () => {
  const board = new JobBoard(3);
  const seen: unknown[] = [];
  const reject = () => seen.push([board.isClosed, board.waiting]);
  board.add({ job: 'a', jobClass: 'normal', reject });
  board.close();
  expect(seen).toEqual([[true, { critical: 0, normal: 0 }]]);
});

test('TSK-41 JobBoard refuses a job at once after close()', () => {
  const { makeJob, refused } = makeJobs();
  const board = new JobBoard(3);
  board.close();
  board.add(makeJob('a', 'critical'));
  expect(refused).toEqual(['a CLOSED']);
  expect(namesOn(board)).toEqual([]);
});
