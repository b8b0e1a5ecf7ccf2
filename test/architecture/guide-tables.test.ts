import { expect, test } from 'vitest';
import { parse } from 'yaml';
import * as limits from '../../src/core/limits.ts';
import { gaugesOf } from '../../src/http/gauges.ts';
import { History } from '../../src/http/history.ts';
import { counters, histograms, PrometheusMetrics } from '../../src/http/prometheus-metrics.ts';
import { makeNodeKeyFiles, NodeHost, put, takeSnapshot } from '../helpers/node-host.ts';
import { codeBlocksOf, nameIn, namesIn, tableBelow } from './guides.ts';
import { sourcesIn, textOf } from './sources.ts';

const operations = 'OPERATIONS.md';

/** Every gauge that there is once a node has committed a snapshot, with its labels. */
async function gauges(): Promise<readonly (readonly [string, string, readonly string[]])[]> {
  const node = await (await NodeHost.make(makeNodeKeyFiles())).start();
  const history = new History(node.snapshots, () => 1);
  await put(node, 'key', 'value');
  await takeSnapshot(node);
  const delay = { median: 0, p99: 0, max: 0 };
  return gaugesOf(node, { history, delay, version: '1' }).map(({ name, values }) => [
    name,
    'gauge',
    Object.keys(values[0]?.labels ?? {}),
  ]);
}

test('OPERATIONS.md has every metric, with its type and labels, and no other', async () => {
  const rows = tableBelow(operations, 'Metrics').map(
    ([name, type, labels]) => [nameIn(name), type, namesIn(labels)] as const,
  );
  const known = [
    ...Object.entries(counters).map(([name, [, labels]]) => [name, 'counter', labels] as const),
    ...Object.entries(histograms).map(([name, [, labels]]) => [name, 'histogram', labels] as const),
    ...(await gauges()),
  ];
  const byName = (a: readonly unknown[], b: readonly unknown[]) => (`${a[0]}` < `${b[0]}` ? -1 : 1);
  expect([...rows].sort(byName)).toEqual([...known].sort(byName));
});

test('the alerts and queries of OPERATIONS.md ask for metrics that are there', () => {
  const names = tableBelow(operations, 'Metrics').map(([name]) => nameIn(name));
  const asked = codeBlocksOf(operations)
    .filter(({ language }) => language === 'yaml' || language === 'promql')
    .flatMap(({ text }) => [...text.matchAll(/ledger_snapshotter_(\w+)/g)])
    .map(([, name = '']) => name.replace(/_bucket$/, ''));
  expect(asked.length).toBeGreaterThan(10);
  expect(asked.filter((name) => !names.includes(name))).toEqual([]);
});

test("the alerts of OPERATIONS.md are a file of Prometheus's rules", () => {
  const block = codeBlocksOf(operations).find(({ language }) => language === 'yaml');
  const { groups } = parse(block?.text ?? '');
  const rules = groups.flatMap((group: { rules: unknown[] }) => group.rules);
  expect(rules.length).toBeGreaterThan(5);
  for (const rule of rules) {
    expect(rule).toMatchObject({
      alert: expect.stringMatching(/^[A-Z]\w+$/),
      expr: expect.any(String),
    });
    expect(rule.for ?? '0s').toMatch(/^\d+[smh]$/);
  }
});

test('what the alerts of OPERATIONS.md ask the growth of is there from the start, since a series born as 1 has not grown', async () => {
  const text = codeBlocksOf(operations).map((block) => block.text);
  const selectors = [
    ...text.join('\n').matchAll(/increase\((\w+)\{(\w+)[=!]~?"([^"]+)"\}\[\d+[mh]\]\) > 0/g),
  ];
  const wanted = selectors.flatMap(([, name, label, values = '']) =>
    values.split('|').map((value) => `${name}{${label}="${value}"} 0`),
  );
  expect(wanted.length).toBeGreaterThan(5);
  const told = await new PrometheusMetrics().registry.metrics();
  expect(told.split('\n')).toEqual(expect.arrayContaining(wanted));
});

test('every count and measure of the code has a metric: Prometheus drops those that it does not know', () => {
  const told = sourcesIn('src')
    .flatMap((file) => [...textOf(file).matchAll(/metrics\.(?:increment|observe)\(\s*'(\w+)'/g)])
    .map(([, name = '']) => (name === 'snapshot_serialised_bytes' ? 'snapshot_size_bytes' : name));
  const known = [...Object.keys(counters), ...Object.keys(histograms)];
  // Made of another one by the sink itself.
  const derived = ['snapshot_committed_total', 'snapshot_abandoned_total'];
  expect([...new Set(told)].sort()).toEqual(known.filter((name) => !derived.includes(name)).sort());
});

test('OPERATIONS.md has every line that is logged, with its level, and no other', () => {
  const rows = tableBelow(operations, 'Log lines').map(
    ([level, line]) => `${level}: ${nameIn(line)}`,
  );
  const logged = sourcesIn('src').flatMap((file) => [
    ...[
      ...textOf(file).matchAll(
        /logger\?\.(info|warn|error)\((?:[^'"`]|'[^']*',\n)*?(?:'([^']+)'|"([^"]+)"),?\s*\)/g,
      ),
    ].map(([, level, single, double]) => `${level}: ${single ?? double}`),
    ...[...textOf(file).matchAll(/return \['(info|warn)', '([^']+)'\]/g)].map(
      ([, level, line]) => `${level}: ${line}`,
    ),
  ]);
  expect(logged.length).toBeGreaterThan(20);
  expect([...rows].sort()).toEqual([...new Set(logged)].sort());
});

/** The words of a closed union of `src/core/words.ts`. */
function unionOf(type: string): readonly string[] {
  const [, members = ''] =
    new RegExp(`export type ${type} =([^;]*);`).exec(textOf('src/core/words.ts')) ?? [];
  return [...members.matchAll(/'([\w-]+)'/g)].map(([, word = '']) => word);
}

test('OPERATIONS.md has every outcome of a generation, and no other', () => {
  const rows = tableBelow(operations, 'Outcomes').map(([outcome]) => nameIn(outcome));
  expect(unionOf('Outcome')).toHaveLength(12);
  expect(rows).toEqual(unionOf('Outcome'));
});

test('OPERATIONS.md says of each step of the writer what a crash leaves', () => {
  const rows = tableBelow(operations, 'Crash points').flatMap(([moment]) => namesIn(moment));
  expect(unionOf('WriterStep').filter((step) => !rows.includes(step))).toEqual([]);
});

test('SECURITY.md has every bound of src/core/limits.ts, as it is', () => {
  const units: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
  const rows = tableBelow('SECURITY.md', 'Hostile bytes').map(([name, , value = '']) => {
    const [, base = '', power = '', unit = '', less = ''] =
      /^(\d+)(?:\^(\d+))? ?(\w+)?(?: - (\d+))?$/.exec(value) ?? [];
    const amount = power === '' ? Number(base) : Number(base) ** Number(power);
    return [nameIn(name), amount * (units[unit] ?? 1) - Number(less || '0')];
  });
  expect(Object.fromEntries(rows)).toEqual({ ...limits });
});

test('CCF.md has the differences of ARCHITECTURE.md, word for word', () => {
  const differences = tableBelow('ARCHITECTURE.md', '8. Differences from CCF');
  expect(differences.length).toBeGreaterThan(10);
  expect(tableBelow('CCF.md', 'Where we differ, and why')).toEqual(differences);
});
