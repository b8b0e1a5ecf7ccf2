/** How releases of CCF, OpenSSL and people write one certificate into a text. */
export const pemForms: readonly (readonly [string, (pem: string) => string])[] = [
  ['a NUL behind it, as CCF 2.0', (pem) => `${pem}\0`],
  ['two NULs behind it', (pem) => `${pem}\0\0`],
  ['a NUL, and no line feed before it', (pem) => `${pem.trimEnd()}\0`],
  ['rubbish behind the NUL', (pem) => `${pem}\0-----BEGIN CERTIFICATE-----`],
  ['carriage returns', (pem) => pem.replaceAll('\n', '\r\n')],
  ['carriage returns alone', (pem) => pem.replaceAll('\n', '\r')],
  ['no line feed at the end', (pem) => pem.trimEnd()],
  ['text before it', (pem) => `subject=/CN=CCF Nodé\n\n${pem}`],
  ['text after it', (pem) => `${pem}\nverify return:1\n`],
  ['lines of 76 columns', (pem) => wrapped(pem, 76)],
  ['lines of one column', (pem) => wrapped(pem, 1)],
  ['one line', (pem) => wrapped(pem, 100_000)],
  ['blank lines and spaces', (pem) => pem.replaceAll('\n', ' \n\n\t')],
  ['a chain behind it', (pem) => `${pem}${otherBlock}${otherBlock}`],
  ['a key before it', (pem) => `-----BEGIN EC PARAMETERS-----\nBgg=\n${pem}`],
];

const otherBlock = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

/** One certificate's base64 in lines of another length. */
function wrapped(pem: string, columns: number): string {
  const [begin = '', ...lines] = pem.trimEnd().split('\n');
  const end = lines.pop() ?? '';
  const base64 = lines.join('');
  const parts = Array.from({ length: Math.ceil(base64.length / columns) }, (_, i) =>
    base64.slice(i * columns, (i + 1) * columns),
  );
  return `${[begin, ...parts, end].join('\n')}\n`;
}
