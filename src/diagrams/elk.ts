import type { ELK } from 'elkjs/lib/elk-api.js';
import { DiagramError } from '../core/errors.ts';

/**
 * Loads elkjs, which finds a place for every box and arrow. It is an optional peer: only who draws SVG needs it.
 * @throws DiagramError `LAYOUT_UNAVAILABLE` when it is not installed
 */
export async function loadElk(load: () => Promise<unknown> = importElk): Promise<ELK> {
  const module = await load().catch((cause: unknown) => {
    const message = 'elkjs is not installed, which lays out SVG diagrams: npm install elkjs@0.12';
    throw new DiagramError('LAYOUT_UNAVAILABLE', message, { cause });
  });
  // CommonJS: what its declarations call the default export is the module's own.
  const { default: Elk } = module as { default: new () => ELK };
  return new Elk();
}

const importElk = (): Promise<unknown> => import('elkjs/lib/elk.bundled.js');
