import { describe, expect, test } from 'vitest';
import { sourcesIn, textOf } from './sources.ts';

/** The numbered statements about CCF's pipeline that we answer to. */
const statements = [
  'SCH-1…4, SCH-9…20, SCH-30…33, SCH-40…49, SCH-60…65, SCH-70…74',
  'GEN-1…4, GEN-10…17, GEN-20…27, GEN-30…32',
  'TSK-1…4, TSK-10…14, TSK-20…33, TSK-40…43',
  'WRT-1…14',
  'FIL-1…4, FIL-10…13, FIL-20…26, FIL-30…35, FIL-40…46',
  'END-1…4',
  'CON-1…8, CON-20…27, CON-30…34',
].join(' ');

/** `SCH-1…3` is three of them. */
function idsIn(text: string): string[] {
  const pattern = /\b(SCH|GEN|TSK|WRT|FIL|END|CON)-(\d+)(?:…(\d+))?/g;
  return [...text.matchAll(pattern)].flatMap(([, letters = '', from = '', to = from]) =>
    Array.from(
      { length: Number(to) - Number(from) + 1 },
      (_, i) => `${letters}-${Number(from) + i}`,
    ),
  );
}

const titles = ['Implemented', 'Different', 'Later', 'Not applicable'] as const;
const [, section = ''] = textOf('ARCHITECTURE.md').split(/^## 10\. .*$/m);

/** What follows an item's colon is its reason. */
function listOf(title: (typeof titles)[number]): string[] {
  const [, list = ''] = section.split(`**${title}:**`);
  const [own = ''] = list.split('\n**');
  return idsIn(title === 'Later' ? own : own.replace(/^(- [^:]*):.*$/gm, '$1'));
}

/** Names of the tests that run; one that is skipped outright shows nothing. */
const names = sourcesIn('test')
  .filter((file) => file.endsWith('.test.ts') && !file.endsWith('/statements.test.ts'))
  .flatMap((file) => textOf(file).split('\n'))
  .filter((line) => /^\s*(?:test|testOnCcfData|\]\)|\)\()/.test(line) || /^\s*\[?['"`]/.test(line))
  .filter((line) => !/\.(?:skip|todo)\b/.test(line));
const shown = new Set(names.flatMap(idsIn));

describe('the statements about the pipeline of CCF', () => {
  test('are each in one of four lists', () => {
    const listed = titles.flatMap(listOf);
    expect([...listed].sort()).toEqual([...idsIn(statements)].sort());
  });

  test.each(['Implemented', 'Different'] as const)('%s: each is shown by a test', (title) => {
    expect(listOf(title).filter((id) => !shown.has(id))).toEqual([]);
  });

  test('are named by tests only where we claim something', () => {
    const claimed = new Set([...listOf('Implemented'), ...listOf('Different')]);
    expect([...shown].filter((id) => !claimed.has(id))).toEqual([]);
  });
});
