import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import { formatBytes, jsonBytes, readableText } from '../../../src/cli/output/byte-text.ts';
import { Progress } from '../../../src/cli/output/progress.ts';
import { count, formatFacts, formatTable, groupDigits } from '../../../src/cli/output/table.ts';
import { Terminal } from '../../../src/cli/output/terminal.ts';
import { toUtf8 } from '../../../src/core/bytes.ts';
import type { Clock } from '../../../src/core/clock.ts';

class Screen {
  text = '';
  readonly isTTY: boolean;
  readonly columns = 70;

  constructor(isTTY = false) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.text += text;
  }
}

/** Takes what it is given, and asks for no more. */
class FullScreen extends EventEmitter {
  write(): boolean {
    return false;
  }
}

class StoppedClock implements Clock {
  at = 0;

  now(): number {
    return this.at;
  }

  setTimeout(): unknown {
    throw new Error('no timers here');
  }

  clearTimeout(): void {}
}

describe('Terminal', () => {
  test('Terminal.result() and note() go to stdout and stderr', () => {
    const [out, err] = [new Screen(), new Screen()];
    const terminal = new Terminal(out, err);
    terminal.result('a result');
    terminal.note('a note');
    expect([out.text, err.text]).toEqual(['a result\n', 'a note\n']);
  });

  test('Terminal.drained() waits for a stdout that wants no more, and for no other', async () => {
    const { signal } = new AbortController();
    const out = new FullScreen();
    const terminal = new Terminal(out, new Screen());
    await terminal.drained(signal);
    terminal.result('a');
    let isDrained = false;
    const draining = terminal.drained(signal).then(() => {
      isDrained = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isDrained).toBe(false);
    out.emit('drain');
    await draining;
    expect(out.eventNames()).toEqual([]);
    await terminal.drained(signal);
    const plain = new Terminal(new Screen(), new Screen());
    plain.result('a');
    await plain.drained(signal);
  });

  test.each(['close', 'abort'])('Terminal.drained() waits no longer after %s', async (what) => {
    const controller = new AbortController();
    const out = new FullScreen();
    const terminal = new Terminal(out, new Screen());
    terminal.result('a');
    const draining = terminal.drained(controller.signal);
    if (what === 'close') out.emit('close');
    else controller.abort(new Error('enough'));
    if (what === 'close') await draining;
    else await expect(draining).rejects.toThrow('enough');
    expect(out.eventNames()).toEqual([]);
  });

  test('Terminal.json() keeps the order and leaves out what is undefined', () => {
    const out = new Screen();
    new Terminal(out, new Screen()).json({ b: 1, a: undefined, c: 'x\ny' });
    expect(out.text).toBe('{"b":1,"c":"x\\ny"}\n');
  });

  test('Terminal.result() lets no control character through, and keeps JSON the same JSON', () => {
    const out = new Screen();
    const hostile = { file: 'a\u001b[2J\u0085\u202eb' };
    new Terminal(out, new Screen()).json(hostile);
    expect(out.text).toBe('{"file":"a\\u001b[2J\\u0085\\u202eb"}\n');
    expect(JSON.parse(out.text)).toEqual(hostile);
  });

  test('a status line gives way to every other line', () => {
    const err = new Screen(true);
    const terminal = new Terminal(new Screen(), err);
    terminal.status('50 %');
    terminal.note('a note');
    terminal.clearStatus();
    expect(err.text).toBe('\r50 %\u001b[K\r\u001b[Ka note\n');
  });
});

describe('Progress', () => {
  function start(isTTY: boolean, isShown = true) {
    const screen = new Screen(isTTY);
    const clock = new StoppedClock();
    const terminal = new Terminal(new Screen(), screen);
    const progress = new Progress({ terminal, clock, isShown, verb: 'reading', unit: 'entries' });
    const run = (untilMs: number) => {
      for (clock.at = 0; clock.at <= untilMs; clock.at += 10) progress.update(clock.at, 10_000);
    };
    return { screen, progress, run };
  }

  test('draws a bar with rate and time left, as wide as the terminal, ten times a second at most', () => {
    const { screen, run } = start(true);
    run(1000);
    const drawn = screen.text.split('\r').slice(1);
    expect(drawn).toHaveLength(10);
    expect(drawn.at(-1)).toBe(
      'reading [#........] 10 %, 1,000 of 10,000 entries, 1,000/s, 0:09 left\u001b[K',
    );
  });

  test('writes a line every two seconds where there is no terminal', () => {
    const { screen, run } = start(false);
    run(5000);
    expect(screen.text).toBe(
      'reading 20 %, 2,000 of 10,000 entries, 1,000/s, 0:08 left\n' +
        'reading 40 %, 4,000 of 10,000 entries, 1,000/s, 0:06 left\n',
    );
  });

  test('says once that all is done, and no time that is left', () => {
    const { screen, run } = start(false);
    run(15_000);
    expect(screen.text.split('\n').slice(-2)).toEqual([
      'reading 100 %, 10,000 of 10,000 entries, 1,000/s',
      '',
    ]);
  });

  test('shows nothing when it is not to', () => {
    const { screen, run } = start(true, false);
    run(5000);
    expect(screen.text).toBe('');
  });

  test('takes its bar away', () => {
    const { screen, progress, run } = start(true);
    run(100);
    progress.end();
    expect(screen.text.endsWith('\r\u001b[K')).toBe(true);
  });
});

describe('tables', () => {
  test('formatTable() aligns columns and leaves no blanks at line ends', () => {
    const columns = [{ title: 'NAME' }, { title: 'N', align: 'right' }, { title: 'X' }] as const;
    const rows = [
      ['a', '100', ''],
      ['longer', '2', 'z'],
    ];
    expect(formatTable(columns, rows)).toEqual(['NAME      N  X', 'a       100', 'longer    2  z']);
  });

  test('formatFacts() puts names into one column', () => {
    const facts = [
      ['a', '1'],
      ['bcd', '2'],
    ] as const;
    expect(formatFacts(facts)).toEqual(['a    1', 'bcd  2']);
  });

  test.each([
    [0, '0 files'],
    [1, '1 file'],
    [1234567, '1,234,567 files'],
  ])('count(%i) is %s', (value, text) => {
    expect(count(value, 'file')).toBe(text);
  });

  test('groupDigits() leaves three digits alone', () => {
    expect(groupDigits(999)).toBe('999');
  });
});

describe('bytes as text', () => {
  test.each([
    ['plain', toUtf8('{"a": "é"}'), '{"a": "é"}'],
    ['lines', toUtf8('a\nb\tc'), 'a\\nb\\tc'],
    ['nothing', new Uint8Array(), '(empty)'],
    ['zeros', new Uint8Array(3), '0x000000'],
    ['no UTF-8', Uint8Array.of(0xff, 0x41), '0xff41'],
    ['an escape sequence', toUtf8('\u001b[2J'), '0x1b5b324a'],
    ['text that turns around', toUtf8('a\u202eb'), '0x61e280ae62'],
  ])('formatBytes() of %s', (_what, bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test('formatBytes() cuts what is long, and says so', () => {
    const text = formatBytes(toUtf8('x'.repeat(10_000)));
    expect(text).toBe(`${'x'.repeat(400)}… (10000 bytes in all; --json shows them)`);
  });

  test('jsonBytes() names what is hex, and keeps text as it is', () => {
    expect(jsonBytes('key', toUtf8('a\nb'))).toEqual({ key: 'a\nb' });
    expect(jsonBytes('key', Uint8Array.of(0, 255))).toEqual({ keyHex: '00ff' });
  });

  test('readableText() is undefined for a lone continuation byte', () => {
    expect(readableText(Uint8Array.of(0x80))).toBeUndefined();
  });
});
