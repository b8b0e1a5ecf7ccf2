import { Chart } from './chart.ts';
import { drawChosen } from './chosen.ts';
import { byId, element, inputById } from './elements.ts';
import { Files } from './files.ts';
import { Frames } from './frames.ts';
import { type GenerationView, isFailure, Model } from './model.ts';
import { Sequence } from './sequence.ts';
import { Slices } from './slices.ts';
import { StatelyInspector } from './stately.ts';
import type { StreamEvent } from './stream-worker.ts';
import { Timeline } from './timeline.ts';

/** The page: a stream or a recording in, everything that has changed drawn anew, a part in each picture. */
class Page {
  /** What comes from the service, all of it. */
  #live = Frames.empty();
  #liveModel = new Model();
  /** What is looked at, when that is a recording or a pause; else what comes. */
  #recording: Frames | undefined;
  #shown = this.#liveModel;
  #position = 0;
  /** Counts steps: a later one takes over from one that is still under way. */
  #steps = 0;
  #chosenKey: string | undefined;
  #run = '';
  /** Of the service's clock, against ours. */
  #aheadMs = 0;
  /** What came and was not looked at. */
  #heard: StreamEvent[] = [];
  #isListening = false;
  readonly #query = location.search;
  readonly #files = new Files(this.#query);
  readonly #timeline = new Timeline((key) => {
    this.#chosenKey = key;
    this.#draw();
  });
  readonly #sequence = new Sequence();
  readonly #chart = new Chart(() => this.#draw());
  /** What is drawn, each in a picture of its own so that none takes long. */
  readonly #parts = [
    () => this.#drawGenerations(),
    () => drawChosen(this.#chosen),
    () => this.#sequence.update(this.#chosen),
    () => this.#chart.update(this.#shown, this.#chosen),
    () => this.#drawSteps(),
  ];
  /** Those of them that are to be drawn, in this order. */
  readonly #due = new Set<() => void>();
  readonly #inspector = new StatelyInspector(() => (this.#recording ?? this.#live).texts);

  start(): void {
    this.#connect();
    this.#files.refresh();
    const onClick = (id: string, run: () => void) => byId(id).addEventListener('click', run);
    onClick('save', () => {
      this.#save().catch((error: unknown) => this.#say(`not saved: ${String(error)}`));
    });
    onClick('open', () => byId('file').click());
    onClick('pause', () => this.#lookAt(this.#live.copy()));
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
      if (lives && this.#isLive) this.#draw();
    }, 250);
  }

  #connect(): void {
    const file = `assets/visualizations/live/stream-worker.js${this.#query}`;
    const worker = new Worker(file, { type: 'module' });
    worker.addEventListener('message', ({ data }: MessageEvent<readonly StreamEvent[]>) =>
      this.#hear(data),
    );
  }

  #take({ kind, data }: StreamEvent): void {
    switch (kind) {
      case 'hello':
        this.#greeted(data);
        break;
      case 'message':
        this.#told(data);
        break;
      case 'dropped':
        this.#say(`dropped: ${String((JSON.parse(data) as { reason?: unknown }).reason)}`);
        break;
      case 'lost':
        this.#say('connection lost, trying again…');
        break;
      case 'refused':
        this.#say('the service refused: start it anew and use its URL');
    }
  }

  #greeted(data: string): void {
    const { run, nowMs } = JSON.parse(data) as { readonly run: string; readonly nowMs: number };
    this.#aheadMs = nowMs - Date.now();
    if (this.#run !== '' && this.#run !== run) {
      // Another process: its actors bear the same names.
      this.#live = Frames.empty();
      this.#liveModel = new Model();
      if (this.#isLive) this.#shown = this.#liveModel;
    }
    this.#run = run;
    if (this.#isLive) this.#say('live');
    this.#files.refresh();
    this.#draw();
  }

  #hear(events: readonly StreamEvent[]): void {
    this.#heard.push(...events);
    if (this.#isListening) return;
    this.#isListening = true;
    this.#listen()
      .catch((error: unknown) => this.#say(`not understood: ${String(error)}`))
      .finally(() => {
        this.#isListening = false;
      });
  }

  /** Looks at what came, in slices. */
  async #listen(): Promise<void> {
    const slices = new Slices();
    while (this.#heard.length > 0) {
      const heard = this.#heard;
      this.#heard = [];
      for (const event of heard) {
        this.#take(event);
        if (slices.areOver) await slices.pause();
      }
    }
  }

  #told(text: string): void {
    const frame = this.#live.add(text);
    if (frame === undefined) return;
    this.#liveModel.apply(frame);
    if (this.#isLive) this.#inspector.tell(text);
    const isEnd = frame.type === '@xstate.snapshot' && frame.snapshot.status === 'done';
    if (isEnd && typeof frame.snapshot.output === 'object') this.#files.refresh();
    this.#draw();
  }

  #say(words: string): void {
    byId('connection').textContent = words;
  }

  async #save(): Promise<void> {
    const url = URL.createObjectURL(await (this.#recording ?? this.#live).save());
    element('a', { href: url, download: 'snapshots.recording.jsonl' }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }

  async #open(): Promise<void> {
    const input = inputById('file');
    const [file] = input.files ?? [];
    if (file === undefined) return;
    this.#say(`opening ${file.name}…`);
    const frames = await Frames.read(file).finally(() => {
      // The same file may be opened again.
      input.value = '';
    });
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
    this.#steps++;
    this.#shown = this.#liveModel;
    this.#say('live');
    this.#draw();
  }

  /** Shows how it was after so many frames. */
  #step(to: number): void {
    this.#stepTo(to).catch((error: unknown) => this.#say(`not shown: ${String(error)}`));
  }

  async #stepTo(to: number): Promise<void> {
    const frames = this.#recording;
    if (frames === undefined) return;
    const position = Math.max(Math.min(1, frames.count), Math.min(frames.count, to));
    if (position < this.#position) {
      this.#shown = new Model();
      this.#position = 0;
    }
    const step = ++this.#steps;
    const slices = new Slices();
    while (this.#position < position) {
      const frame = frames.at(this.#position++);
      if (frame !== undefined) this.#shown.apply(frame);
      if (slices.areOver) await slices.pause();
      if (step !== this.#steps) return;
    }
    this.#draw();
  }

  #draw(): void {
    if (this.#due.size === 0) this.#drawNext();
    for (const part of this.#parts) this.#due.add(part);
  }

  /** What is due again while it waits keeps its place, so that everything gets its turn. */
  #drawNext(): void {
    requestAnimationFrame(() => {
      const [part] = this.#due;
      if (part === undefined) return;
      this.#due.delete(part);
      if (this.#due.size > 0) this.#drawNext();
      part();
    });
  }

  get #isLive(): boolean {
    return this.#recording === undefined;
  }

  get #chosen(): GenerationView | undefined {
    const { generations } = this.#shown;
    return generations.find(({ key }) => key === this.#chosenKey) ?? generations.at(-1);
  }

  #drawGenerations(): void {
    const { generations } = this.#shown;
    const nowMs = this.#isLive ? Date.now() + this.#aheadMs : this.#shown.nowMs;
    byId('totals').textContent = totalsOf(generations);
    this.#timeline.update(generations, this.#chosen, nowMs);
  }

  #drawSteps(): void {
    const isLive = this.#isLive;
    this.#files.show(isLive ? undefined : this.#shown.generations);
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
