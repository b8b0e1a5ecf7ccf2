import { type Bench, type BenchOptions, entriesOf, roundsOf } from './bench.ts';
import { d1m } from './data.ts';
import { Party, withParties } from './party.ts';
import { type Contender, interleave, lineOf, type Measure } from './rounds.ts';

const name = 'floor';

/** What a record takes in a snapshot beside key and value: two lengths and a version. */
const recordHeadBytes = 24;

/** The sizes of what our snapshots of D64K and D1M come to. */
const sizes = [
  ['64 KiB', 65_536],
  ['D1M', d1m.entries * (d1m.keyBytes + d1m.valueBytes + recordHeadBytes)],
] as const;

const floors = [
  ['SHA-256 alone', 'sha'],
  ['tag pass over public bytes', 'tag'],
  ['tag pass over private bytes: encryption', 'encrypt'],
  ['durable write alone', 'write'],
  ['plain floor: SHA-256 overlapped with the durable write', 'combined'],
  ['format floor: tag pass, then the plain floor', 'format'],
  ['format floor of private bytes', 'formatPrivate'],
  ['small durable floor: SHA-256, file, rename, directory', 'small'],
  ['copy', 'copy'],
] as const;

/** How long does this machine take for what every snapshot must do? */
export const floorsBench: Bench = {
  name,
  async *run(options) {
    for (const [what, bytes] of sizes) {
      const { party, isDirect } = await startFloors(entriesOf(options, bytes), options);
      yield* await withParties([party], async () => {
        const contenders = floors.map(([, command]) => floor(party, command));
        const rounds = await interleave(contenders, roundsOf(options, 7));
        return floors.map(([text, command]) => ({
          ...lineOf(rounds, { name, case: `${what}: ${text}`, of: command, over: 'combined' }),
          bytes,
          isDirect,
        }));
      });
    }
  },
};

/** A process that measures floors on so many bytes. */
export async function startFloors(
  bytes: number,
  { directory }: BenchOptions,
): Promise<{ readonly party: Party; readonly isDirect: boolean }> {
  const party = new Party('floors');
  const { isDirect } = await party.ask<{ isDirect: boolean }>('prepare', { bytes, directory });
  return { party, isDirect };
}

/** A floor that takes its turn. */
export function floor(party: Party, command: string, input: object = {}): Contender {
  return { name: command, measure: () => party.ask<Measure>(command, input) };
}
