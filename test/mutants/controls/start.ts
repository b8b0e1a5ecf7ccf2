import type { ControlledTests } from './types.ts';

const unsigned = 'src/node/unsigned.ts';
const node = 'test/attacks/forged-tail-node.test.ts';

/** What a node's own start believes of its directory. */
export const startControls: readonly ControlledTests[] = [
  {
    tests: node,
    within: /^a node’s start pins its own service/,
    controls: [
      {
        file: 'src/node/node-start.ts',
        text: '    services: [createPublicKey(keys.service)],',
        fails: /a node of a stranger signs last, when the real service is named again$/,
      },
    ],
  },
  {
    tests: node,
    within: /steers what is verified|is refused by name|is kept in quarantine/,
    controls: [
      {
        file: unsigned,
        text: 'if (acknowledged !== undefined) {',
        replacement: 'if (acknowledged === 0) {',
        fails: /is refused when data may have been|behind acknowledged data it is refused/,
      },
      {
        file: unsigned,
        text: 'if (!isOpen) {',
        replacement: 'if (isOpen && last === 0) {',
        fails: /a (complete|committed) chunk/,
      },
      {
        file: unsigned,
        text: 'const copy = await quarantineEntries(environment.fileSystem, paths.quarantine, {',
        replacement: 'const copy = String({',
        fails: /kept in quarantine/,
      },
    ],
  },
  {
    tests: 'test/attacks/unfinished-genesis.test.ts',
    within: /^it is refused, and left as it is/,
    controls: [
      {
        file: unsigned,
        text: 'return service !== undefined && service.certificate.keyId === ownKeyId;',
        replacement: 'return service !== undefined;',
        fails: /refused, and left as it is > under a stranger’s key$/,
      },
      {
        file: unsigned,
        text: 'if (isSigned || domain.maps.some(({ name }) => !isSystemTable(name))) return false;',
        replacement: 'if (isSigned) return false;',
        fails: /where a public table of an application follows$/,
      },
      {
        file: unsigned,
        text: 'if (isSigned || domain.maps.some(({ name }) => !isSystemTable(name))) return false;',
        replacement: 'if (domain.maps.some(({ name }) => !isSystemTable(name))) return false;',
        fails: /made again, and kept > cut behind|where a signature follows/,
      },
      {
        file: unsigned,
        text: '  if (envelope.privateDomain.length > 0) return false;',
        fails: /where private data follows$/,
      },
      {
        file: unsigned,
        text: "  if (snapshots.some(({ name }) => name.endsWith('.committed'))) return false;",
        fails: /where a snapshot was taken$/,
      },
      {
        file: unsigned,
        text: '  if (view !== undefined && view > firstView) return false;',
        fails: /where a later view was begun$/,
      },
      {
        file: unsigned,
        text: 'chunks.length !== 1 || ',
        fails: /where another chunk lies beside it$/,
      },
      {
        file: unsigned,
        text: '  return endsOrIsCut(ledger);',
        replacement: '  return true;',
        fails: /where (it is damaged at offset|its beginning is zeros)/,
      },
    ],
  },
];
