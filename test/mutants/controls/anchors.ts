import type { ControlledTests } from './types.ts';

const point = 'src/formats/keys/ec-point.ts';
const anchor = 'src/formats/keys/trust-anchor.ts';
const cose = 'src/formats/keys/cose-key-set.ts';
const json = 'src/formats/keys/json-web-key.ts';

/** What a file that says whom to trust must not be believed. */
export const anchorControls: readonly ControlledTests[] = [
  {
    tests: 'test/formats/keys/trust-anchor-json.test.ts',
    controls: [
      {
        file: point,
        text: '  if (ids.includes(kid.toLowerCase())) return;',
        replacement: '  if (ids.length > 0) return;',
        fails: /refuses the kid of another key$/,
      },
      {
        file: anchor,
        text: '  checkKids(usable);',
        fails: /refuses one kid for two keys, by its name$/,
      },
      {
        file: json,
        text: '  if (privateMembers.some((name) => key.has(name))) throw privateKeyError(place);',
        fails: /refuses a (private key|private RSA key|secret)$/,
      },
    ],
  },
  {
    tests: 'test/formats/keys/trust-anchor-cose.test.ts',
    controls: [
      {
        file: cose,
        text: '  if (key.has(-4)) throw privateKeyError(place);',
        fails: /refuses a private key$/,
      },
      {
        file: cose,
        text: '  checkAlg(key.get(label.alg), curve, place);',
        fails: /refuses ES(256 with P-384|512 with P-256)$/,
      },
    ],
  },
  {
    tests: 'test/formats/keys/trust-anchor.test.ts',
    controls: [
      {
        file: 'src/formats/keys/pem-anchor.ts',
        text: '  if (keys.size > 1)',
        replacement: '  if (keys.size > 99)',
        fails:
          /readTrustAnchors\(\) refuses > (two certificates|a certificate and the key of another|three keys)$/,
      },
    ],
  },
];
