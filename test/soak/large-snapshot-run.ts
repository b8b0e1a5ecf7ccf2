import { largeSnapshot } from './large-snapshot.ts';

/** `node dist/test/soak/large-snapshot-run.js RECORDS` prints what it finds as JSON. */
const [, , records] = process.argv;
process.stdout.write(`${JSON.stringify(await largeSnapshot(Number(records)))}\n`);
