/** The oldest Node.js that the package runs on; the first of `engines` in package.json, which names those that are tried. */
export const nodeVersionMin = '20.19';

/** What is wrong with a version of Node.js, such as `18.20.8`, and what to do; `undefined` when nothing is. */
export function nodeVersionFault(version: string): string | undefined {
  const [major, minor] = partsOf(version);
  const [majorMin, minorMin] = partsOf(nodeVersionMin);
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return undefined;
  return [
    `error: Node.js ${version} is too old: ledger-snapshotter needs ${nodeVersionMin} or newer`,
    '  next: install a newer one from https://nodejs.org, or choose it with your version manager',
  ].join('\n');
}

function partsOf(version: string): readonly [major: number, minor: number] {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return [major, minor];
}
