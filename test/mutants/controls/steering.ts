import type { Control, ControlledTests } from './types.ts';

const steering = 'src/ledger/steering.ts';

/** Each table out of the list of those that steer: exactly its own tests fail. */
const tables = (names: readonly string[], more: Partial<Control> = {}): readonly Control[] =>
  names.map((name) => ({
    file: steering,
    text: `  tables.${name},\n`,
    fails: new RegExp(`: ${name}$`),
    ...more,
  }));

/** What is not believed before it is signed. */
export const steeringControls: readonly ControlledTests[] = [
  {
    tests: 'test/attacks/steering-tables.test.ts',
    controls: [
      ...tables([
        'historicalSecrets',
        'recoveryShares',
        'serviceInfo',
        'endorsedCertificates',
        'memberEncryptionKeys',
        'tree',
      ]),
      ...tables(
        [
          'serviceConfig',
          'signingIdentities',
          'nodesInfo',
          'memberInfo',
          'memberCertificates',
          'encryptedSecrets',
          'identityEndorsement',
          'previousServiceRoot',
          'signatures',
          'coseSignatures',
        ],
        { nightly: true },
      ),
      {
        file: steering,
        text: 'writes.length > 0 || removes.length > 0',
        replacement: 'writes.length > 0',
        fails: /(recover|replayLedger)\(\): \w+$/,
      },
      {
        file: steering,
        text: 'writes.length > 0 || removes.length > 0',
        replacement: 'removes.length > 0',
        fails: /written as well as removed: \w+$/,
      },
      {
        file: steering,
        text: 'writes.length > 0 || removes.length > 0',
        replacement: 'true',
        fails: /an entry that names such a table and changes nothing of it steers nothing$/,
      },
      {
        file: 'src/recovery/replay-tail.ts',
        text: 'if (end !== undefined && entry.seqno >= end) return undefined;',
        fails: /recover\(\): \w+$|written as well as removed/,
      },
      {
        file: 'src/replay/replay.ts',
        text: 'entry.seqno === end || ',
        fails: /replayLedger\(\): \w+$/,
      },
    ],
  },
];
