import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, onTestFinished, type TestContext, test } from 'vitest';
import { loadRecording } from '../../src/inspect/recorder.ts';
import { createNode } from '../../src/node/create-node.ts';
import { put, putMany, untilIdle } from '../helpers/node-host.ts';
import { setUp, untilCommitted } from '../helpers/set-up-host.ts';
import { serve } from '../http/serve.ts';
import { keepPicture, openPage } from './browser.ts';

/** A node on a real disk, whose signatures come when the test says so. */
async function realNode() {
  const directory = await mkdtemp(join(tmpdir(), 'live-page-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const node = await createNode({
    directory,
    snapshotTxInterval: 1_000_000,
    signatureTxInterval: 1_000_000,
    signatureDelayMs: 1_000_000_000,
  });
  onTestFinished(() => node.close());
  return node;
}

/** A slow machine may take its time. */
const eventually = <T>(see: () => T | Promise<T>) => expect.poll(see, { timeout: 20_000 });

type Node = Awaited<ReturnType<typeof realNode>>;

/** Lets a snapshot begin and come as far as it can without another signature. */
async function beginSnapshot(node: Node): Promise<void> {
  node.snapshots.force();
  await put(node, 'snapshot', String(node.status.seqno));
  await node.sign();
  await eventually(() => node.snapshots.live.map(({ phase }) => phase)).toEqual([
    'awaiting-evidence',
  ]);
}

async function watch(context: TestContext, host: Parameters<typeof serve>[0]) {
  const { origin, handler } = await serve(host);
  const opened = await openPage(context);
  await opened.page.goto(origin + handler.page);
  await opened.page.getByText('live', { exact: true }).waitFor();
  return { ...opened, origin, handler };
}

const rowWords = (page: Page) => page.locator('#generations .row .chip').allTextContents();
const stepWords = (page: Page) => page.locator('#chosen .steps li:not(.ahead)').allTextContents();
const needStates = (page: Page) =>
  page.locator('#chosen .needs li').evaluateAll((items) => items.map(({ className }) => className));

test('the page follows a snapshot of a real node through its five phases', async (context) => {
  const node = await realNode();
  const { page, errors } = await watch(context, node);
  await putMany(node, 20);
  await beginSnapshot(node);
  await eventually(() => rowWords(page)).toEqual(['awaiting evidence']);
  await eventually(() => needStates(page)).toEqual([
    'done',
    'done',
    'waiting',
    'waiting',
    'waiting',
    'not-yet',
  ]);
  const lit = page.locator('#chart .lit.leaf');
  await eventually(() =>
    lit.evaluateAll((boxes) => boxes.map((box) => box.getAttribute('data-state'))),
  ).toEqual(
    ['signature.missing', 'tree.missing', 'commit.waiting'].map(
      (state) => `awaiting-evidence.proving.${state}`,
    ),
  );
  await keepPicture(page, 'awaiting-evidence');
  await untilIdle(node);
  await eventually(() => stepWords(page)).toEqual([
    'scheduled',
    'serialised',
    'awaiting evidence',
    'persisting',
    'committed',
  ]);
  await eventually(() => needStates(page)).toEqual(Array.from({ length: 6 }, () => 'done'));
  await page.getByText('✓ verified, trusted').waitFor();
  await keepPicture(page, 'committed');
  expect(errors).toEqual([]);
});

test('the page shows a rollback in red', async (context) => {
  const node = await realNode();
  const { page, errors } = await watch(context, node);
  await putMany(node, 20);
  await beginSnapshot(node);
  await untilIdle(node);
  await beginSnapshot(node);
  await node.rollback(node.status.committed);
  await eventually(() => rowWords(page)).toEqual(['rolled back', 'committed']);
  const chip = page.locator('#generations .row .chip').first();
  expect(await chip.getAttribute('class')).toBe('chip failed');
  const colour =
    "getComputedStyle(document.querySelector('#generations .row .chip')).backgroundColor";
  expect(await page.evaluate(colour)).toBe('rgb(179, 38, 30)');
  await page.locator('.reason').getByText('rolled back').waitFor();
  await keepPicture(page, 'rolled-back');
  expect(errors).toEqual([]);
});

test('the page shows a failed write in red, with its reason', async (context) => {
  const setup = await setUp();
  const { page, errors } = await watch(context, setup.snapshotter);
  setup.disk.failNext('sync', 'EIO', { path: (path) => path.includes('spool_') });
  expect((await untilCommitted(setup)).outcome).toBe('persist-failed');
  await eventually(() => rowWords(page)).toEqual(['persist failed']);
  await page.locator('.reason').getByText('EIO').waitFor();
  await eventually(() => needStates(page)).toContain('given-up');
  await page.getByRole('button', { name: 'its writer' }).click();
  await page.getByText('Active now').waitFor();
  await keepPicture(page, 'failed-write');
  expect(errors).toEqual([]);
});

test('a recording is saved, opened and stepped through, with the keyboard too', async (context) => {
  const setup = await setUp();
  const { page, errors } = await watch(context, setup.snapshotter);
  await untilCommitted(setup);
  await eventually(() => rowWords(page)).toEqual(['committed']);
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save recording' }).click();
  const path = await (await download).path();
  const frames = loadRecording(await readFile(path, 'utf8'));
  expect(frames.length).toBeGreaterThan(50);
  await page.locator('#file').setInputFiles(path);
  await page.getByText(`frame ${frames.length} of ${frames.length}`).waitFor();
  await page.getByRole('button', { name: 'To the first frame' }).press('Enter');
  await page.getByText(`frame 1 of ${frames.length}`).waitFor();
  expect(await rowWords(page)).toEqual([]);
  const slider = page.getByRole('slider');
  await slider.fill(String(Math.floor(frames.length / 2)));
  await eventually(() => rowWords(page)).toEqual(['awaiting evidence']);
  await keepPicture(page, 'recording');
  await slider.press('End');
  await eventually(() => rowWords(page)).toEqual(['committed']);
  await page.getByRole('button', { name: 'Back to live' }).click();
  await page.getByText('live', { exact: true }).waitFor();
  expect(errors).toEqual([]);
});

test('the button hands the same messages to an inspector that speaks the handshake', async (context) => {
  const inspector = createServer((_, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(`<ol></ol><script>
      addEventListener('message', ({ data }) => {
        document.querySelector('ol').append(Object.assign(document.createElement('li'), { textContent: data.type + ' ' + data._version }));
      });
      parent.postMessage({ type: '@statelyai.connected' }, '*');
    </script>`);
  });
  await new Promise<void>((resolve) => inspector.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    inspector.closeAllConnections();
    inspector.close();
  });
  const { port } = inspector.address() as AddressInfo;
  const setup = await setUp();
  const { origin, handler } = await serve(setup.snapshotter, {
    inspectorUrl: `http://127.0.0.1:${port}/inspect`,
  });
  const { page } = await openPage(context);
  await page.goto(origin + handler.page);
  await page.getByRole('button', { name: 'Stately Inspector' }).click();
  const told = page.frameLocator('iframe').locator('li');
  await told.first().waitFor();
  expect(await told.first().textContent()).toBe('@xstate.actor 0.7.2');
  await untilCommitted(setup);
  await eventually(() => told.count()).toBeGreaterThan(50);
});

test('a page with the wrong token says so', async (context) => {
  const { origin } = await serve((await setUp()).snapshotter);
  const { page } = await openPage(context);
  const response = await page.goto(`${origin}/?token=wrong`);
  expect(response?.status()).toBe(403);
  await page.getByText('use the URL that was printed').waitFor();
});
