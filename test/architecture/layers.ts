/**
 * Which folder may import which, besides itself: the table of ARCHITECTURE.md, which the test compares
 * with this one. `*` is everything.
 */
export const layers: Readonly<Record<string, readonly string[]>> = {
  'src/core': [],
  'src/io': ['src/core'],
  'src/formats': ['src/core'],
  'src/tasks': ['src/core'],
  'src/testing/graph': ['src/core'],
  'src/diagrams': ['src/core'],
  machines: ['src/core'],
  'src/testing/subjects': ['machines', 'src/core', 'src/testing/graph'],
  'src/testing/kit.ts': ['src/testing/graph', 'src/testing/subjects'],
  'src/store': ['src/core', 'src/formats'],
  'src/files': ['src/core', 'src/io', 'src/formats'],
  'src/consensus': ['src/core'],
  'src/testing/contracts': [
    'machines',
    'src/core',
    'src/io',
    'src/formats',
    'src/store',
    'src/files',
    'src/consensus',
    'src/testing/graph',
  ],
  'src/testing/host-contracts.ts': [
    'src/core',
    'src/io',
    'src/store',
    'src/consensus',
    'src/testing/contracts',
  ],
  'src/engine': [
    'machines',
    'src/core',
    'src/io',
    'src/formats',
    'src/store',
    'src/files',
    'src/tasks',
    'src/consensus',
  ],
  'src/host-formats.ts': ['src/core', 'src/formats'],
  'src/cli': ['*'],
  'src/index.ts': ['*'],
  test: ['*'],
};
