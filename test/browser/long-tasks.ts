import type { Browser, Page } from 'playwright-core';
import { expect } from 'vitest';

/** Longest that the page may not hear its user, in milliseconds. */
const longTaskMsMax = 100;

/** What the thread of a task that deserves its length has run itself, in milliseconds; the rest it waited for a CPU. */
const ownMsMin = longTaskMsMax / 2;

/** Keeps how long each task of the page took that took longer than 50 ms: shorter ones Chromium does not tell of. */
const observer = `
  globalThis.longTasks = [];
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longTasks.push(duration);
  }).observe({ type: 'longtask', buffered: true });`;

/** A task of the thread that runs the page. */
interface Task {
  readonly ms: number;
  /** Of these on a CPU. */
  readonly ownMs: number;
}

/**
 * Watches over the tasks of a page that is yet to be opened. The page's own PerformanceObserver says which were too
 * long. On a machine that has too much to do any task may be so: a trace tells those whose thread only waited.
 */
export async function observeTasks(page: Page): Promise<{ expectShort(): Promise<void> }> {
  const browser = page.context().browser();
  if (browser === null) throw new Error('the page has no browser');
  await page.addInitScript(observer);
  await browser.startTracing(page, { categories: ['toplevel'] });
  return { expectShort: () => expectShort(page, browser) };
}

async function expectShort(page: Page, browser: Browser): Promise<void> {
  const observed = (await page.evaluate('longTasks')) as readonly number[];
  const isAnyLong = observed.some((ms) => ms > longTaskMsMax);
  const tasks = tasksOf(await browser.stopTracing());
  const [longest, own] = [Math.max(0, ...observed), Math.max(...tasks.map(({ ownMs }) => ownMs))];
  process.stdout.write(
    `longest task ${longest} ms; ${own.toFixed(0)} ms on a CPU, of ${tasks.length} tasks\n`,
  );
  expect(tasks.length).toBeGreaterThan(100);
  const long = tasks.filter(({ ms, ownMs }) => ms > longTaskMsMax && ownMs > ownMsMin);
  expect(isAnyLong ? long : []).toEqual([]);
}

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds, by the clock and on a CPU. */
  readonly dur?: number;
  readonly tdur?: number;
  readonly args: { readonly name?: string };
}

function tasksOf(trace: Buffer): readonly Task[] {
  // Chromium's format: the test holds that there are tasks in it.
  const { traceEvents } = JSON.parse(trace.toString()) as { readonly traceEvents: TraceEvent[] };
  const threadOf = ({ pid, tid }: TraceEvent) => `${pid} ${tid}`;
  const threads = new Set(
    traceEvents
      .filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
      .map(threadOf),
  );
  return traceEvents.flatMap((event) => {
    const { name, dur = 0, tdur = 0 } = event;
    const isTask = name === 'ThreadControllerImpl::RunTask' && threads.has(threadOf(event));
    return isTask ? [{ ms: dur / 1000, ownMs: tdur / 1000 }] : [];
  });
}
