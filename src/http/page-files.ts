import { fileURLToPath } from 'node:url';
import { StorageError } from '../core/errors.ts';
import type { FileSystem } from '../io/file-system.ts';
import { realFileSystem } from '../io/real-file-system.ts';

/** A file of the page as it is sent. */
export interface PageFile {
  readonly type: string;
  readonly text: string;
}

/** Root of the package, whether this runs from its source or is built. */
const root = new URL(import.meta.url.endsWith('.ts') ? '../../' : '../../../', import.meta.url);

const fileBytesMax = 1024 * 1024;

/** What may be asked for below `assets/`, and where the package has it. */
const places: readonly (readonly [RegExp, (name: string) => string, type: string])[] = [
  [/^page\.css$/, () => 'visualizations/live/page.css', 'text/css'],
  [
    /^(?:visualizations\/live|src\/inspect)\/[a-z-]+\.js$/,
    (name) => `dist/${name}`,
    'text/javascript',
  ],
  [
    /^charts\/[a-z-]+\.svg$/,
    (name) => name.replace('charts', 'visualizations/diagrams'),
    'image/svg+xml',
  ],
];

/** The live page's own files, which hold no secret. */
export class PageFiles {
  readonly #fileSystem: FileSystem = realFileSystem;
  readonly #read = new Map<string, Promise<string | undefined>>();

  /** The page; the address of the inspector goes into it. @throws StorageError when the package is not whole */
  async page(inspectorUrl: string): Promise<string> {
    const html = await this.#text('visualizations/live/page.html');
    if (html === undefined) {
      throw new StorageError('NOT_FOUND', 'the package has no visualizations/live/page.html');
    }
    return html.replace('{inspector}', escaped(inspectorUrl));
  }

  /** A file below `assets/`; `undefined` where there is none of that name. */
  async asset(name: string): Promise<PageFile | undefined> {
    const place = places.find(([pattern]) => pattern.test(name));
    if (place === undefined) return undefined;
    const [, pathOf, type] = place;
    const text = await this.#text(pathOf(name));
    return text === undefined ? undefined : { type: `${type}; charset=utf-8`, text };
  }

  /** The version in `package.json`. */
  async version(): Promise<string> {
    const { version } = JSON.parse((await this.#text('package.json')) ?? '{}') as {
      readonly version?: string;
    };
    return version ?? 'unknown';
  }

  #text(path: string): Promise<string | undefined> {
    const known = this.#read.get(path);
    if (known !== undefined) return known;
    const reading = this.#fresh(path);
    this.#read.set(path, reading);
    return reading;
  }

  async #fresh(path: string): Promise<string | undefined> {
    try {
      const url = fileURLToPath(new URL(path, root));
      const bytes = await this.#fileSystem.readFile(url, { bytesMax: fileBytesMax });
      return new TextDecoder().decode(bytes);
    } catch (error) {
      if (error instanceof StorageError && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
  }
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
