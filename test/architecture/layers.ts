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
  'src/inspect': ['src/core'],
  'src/diagrams': ['src/core', 'src/inspect'],
  machines: ['src/core'],
  'src/store': ['src/core', 'src/formats'],
  'src/files': ['src/core', 'src/io', 'src/formats'],
  'src/consensus': ['src/core'],
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
  'src/http': ['src/core', 'src/io', 'src/formats', 'src/files', 'src/inspect', 'src/engine'],
  visualizations: ['machines', 'src/core', 'src/inspect', 'src/diagrams'],
  'src/cli': ['*'],
  'src/index.ts': ['*'],
  test: ['*'],
};
