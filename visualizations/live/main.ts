import { loadRecording, saveRecording } from '../../src/inspect/recorder.ts';
import { Chart } from './chart.ts';
import { drawChosen } from './chosen.ts';
import { byId, element, inputById } from './elements.ts';
import { Files } from './files.ts';
import { Frames } from './frames.ts';
import { type GenerationView, isFailure, Model } from './model.ts';
import { Sequence } from './sequence.ts';
import { StatelyInspector } from './stately.ts';
import { Timeline } from './timeline.ts';

/** The page: a stream or a recording in, everything drawn anew at most once a picture. */
class Page {
  /** What comes from the service, all of it. */
  #live = new Frames();
  #liveModel = new Model();
  /** What is looked at, when that is a recording or a pause; else what comes. */
  #recording: Frames | undefined;
  #shown = this.#liveModel;
  #position = 0;
  #chosenKey: string | undefined;
  #run = '';
  /** Of the service's clock, against ours. */
  #aheadMs = 0;
  #isDrawing = false;
  readonly #query = location.search;
  readonly #files = new Files(this.#query);
  readonly #timeline = new Timeline((key) => {
    this.#chosenKey = key;
    this.#draw();
  });
  readonly #sequence = new Sequence();
  readonly #chart = new Chart(() => this.#draw());
  readonly #inspector = new StatelyInspector(() => (this.#recording ?? this.#live).texts);

  start(): void {
    this.#connect();
    this.#files.refresh();
    const onClick = (id: string, run: () => void) => byId(id).addEventListener('click', run);
    onClick('save', () => this.#save());
    onClick('open', () => byId('file').click());
    onClick('pause', () => this.#lookAt(copyOf(this.#live)));
    onClick('live', () => this.#goLive());
    onClick('inspector', () => this.#inspector.open());
    onClick('first', () => this.#step(1));
    onClick('back', () => this.#step(this.#position - 1));
    onClick('forward', () => this.#step(this.#position + 1));
    onClick('last', () => this.#step(Number.POSITIVE_INFINITY));
    byId('position').addEventListener('input', () =>
      this.#step(Number(inputById('position').value)),
    );
    byId('file').addEventListener('change', () => {
      this.#open().catch((error: unknown) => this.#say(`not opened: ${String(error)}`));
    });
    // The bars of what lives grow, also when nothing is said.
    setInterval(() => {
      const lives = this.#shown.generations.some(({ endedAtMs }) => endedAtMs === undefined);
      if (lives && this.#recording === undefined) this.#draw();
    }, 250);
  }

  #connect(): void {
    const source = new EventSource(`events${this.#query}`);
    source.addEventListener('hello', ({ data }: MessageEvent<string>) => this.#greeted(data));
    source.addEventListener('message', ({ data }: MessageEvent<string>) => this.#heard(data));
    source.addEventListener('dropped', ({ data }: MessageEvent<string>) => {
      this.#say(`dropped: ${String((JSON.parse(data) as { reason?: unknown }).reason)}`);
    });
    source.addEventListener('error', () => {
      const isOver = source.readyState === EventSource.CLOSED;
      this.#say(
        isOver
          ? 'the service refused: start it anew and use its URL'
          : 'connection lost, trying again…',
      );
    });
  }

  #greeted(data: string): void {
    const { run, nowMs } = JSON.parse(data) as { readonly run: string; readonly nowMs: number };
    this.#aheadMs = nowMs - Date.now();
    if (this.#run !== '' && this.#run !== run) {
      // Another process: its actors bear the same names.
      this.#live = new Frames();
      this.#liveModel = new Model();
      if (this.#recording === undefined) this.#shown = this.#liveModel;
    }
    this.#run = run;
    if (this.#recording === undefined) this.#say('live');
    this.#files.refresh();
    this.#draw();
  }

  #heard(text: string): void {
    const frame = this.#live.add(text);
    if (frame === undefined) return;
    this.#liveModel.apply(frame);
    if (this.#recording === undefined) this.#inspector.tell(text);
    const isEnd = frame.type === '@xstate.snapshot' && frame.snapshot.status === 'done';
    if (isEnd && typeof frame.snapshot.output === 'object') this.#files.refresh();
    this.#draw();
  }

  #say(words: string): void {
    byId('connection').textContent = words;
  }

  #save(): void {
    const { texts } = this.#recording ?? this.#live;
    const url = URL.createObjectURL(new Blob([saveRecording(texts)]));
    element('a', { href: url, download: 'snapshots.recording.jsonl' }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }

  async #open(): Promise<void> {
    const input = inputById('file');
    const [file] = input.files ?? [];
    if (file === undefined) return;
    const frames = new Frames();
    for (const frame of loadRecording(await file.text())) frames.add(JSON.stringify(frame));
    input.value = '';
    this.#lookAt(frames, file.name);
  }

  #lookAt(frames: Frames, name = 'paused'): void {
    this.#recording = frames;
    this.#chosenKey = undefined;
    this.#say(name === 'paused' ? 'paused' : `recording ${name}`);
    this.#shown = new Model();
    this.#position = 0;
    this.#step(frames.count);
  }

  #goLive(): void {
    this.#recording = undefined;
    this.#shown = this.#liveModel;
    this.#say('live');
    this.#draw();
  }

  /** Shows how it was after so many frames. */
  #step(to: number): void {
    const frames = this.#recording;
    if (frames === undefined) return;
    const position = Math.max(Math.min(1, frames.count), Math.min(frames.count, to));
    if (position < this.#position) {
      this.#shown = new Model();
      this.#position = 0;
    }
    while (this.#position < position) {
      const frame = frames.at(this.#position++);
      if (frame !== undefined) this.#shown.apply(frame);
    }
    this.#draw();
  }

  #draw(): void {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      this.#drawNow();
    });
  }

  #drawNow(): void {
    const { generations } = this.#shown;
    const chosen = generations.find(({ key }) => key === this.#chosenKey) ?? generations.at(-1);
    const isLive = this.#recording === undefined;
    const nowMs = isLive ? Date.now() + this.#aheadMs : this.#shown.nowMs;
    byId('totals').textContent = totalsOf(generations);
    this.#timeline.update(generations, chosen, nowMs);
    drawChosen(chosen);
    this.#sequence.update(chosen);
    this.#chart.update(this.#shown, chosen);
    this.#drawSteps(isLive);
  }

  #drawSteps(isLive: boolean): void {
    byId('steps').hidden = isLive;
    byId('live').hidden = isLive;
    byId('pause').hidden = !isLive;
    const count = this.#recording?.count ?? 0;
    const slider = inputById('position');
    slider.min = String(Math.min(1, count));
    slider.max = String(count);
    slider.value = String(this.#position);
    byId('frame').textContent = `frame ${this.#position} of ${count}`;
  }
}

function copyOf(frames: Frames): Frames {
  const copy = new Frames();
  for (const text of frames.texts) copy.add(text);
  return copy;
}

function totalsOf(generations: readonly GenerationView[]): string {
  let [alive, bad, good] = [0, 0, 0];
  for (const { outcome } of generations) {
    if (outcome === undefined) alive++;
    else if (isFailure(outcome)) bad++;
    else good++;
  }
  return `${good} committed · ${alive} under way · ${bad} without a snapshot`;
}

new Page().start();
