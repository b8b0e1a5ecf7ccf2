/** Major versions of Node.js that are tried after the checks on the machine's own; package.json names the same. */
export const newerVersions: readonly number[] = [22, 24, 26];
