import type { ControlledTests } from './types.ts';

const proofs = 'machines/generation-setup.ts';
const opinion = 'src/jobs/second-opinion.ts';

/** Who learns that a ledger has failed, and what a second opinion that is not there may decide. */
export const failureControls: readonly ControlledTests[] = [
  {
    tests: 'test/node/ledger-failure.test.ts',
    controls: [
      {
        file: 'src/node/sequencer.ts',
        text: '    this.#parts?.snapshotter.fail(error);\n',
        fails: /./,
        nightly: true,
      },
      {
        file: 'src/snapshotter/create-snapshotter.ts',
        text: '    if (this.#pipeline.failure) throw this.#pipeline.failure;\n',
        fails: /./,
        nightly: true,
      },
      {
        file: 'src/snapshotter/pipeline.ts',
        text: '    if (this.#failure) throw this.#failure;\n',
        fails: /./,
        nightly: true,
      },
    ],
  },
  {
    tests: 'test/snapshotter/cross-check.test.ts',
    controls: [
      {
        file: opinion,
        text: "    if ((await verdict).status !== 'available') throw this.#failure;\n",
        fails: /./,
        nightly: true,
      },
      {
        file: 'src/node/create-node.ts',
        text: '  await checkCrossCheck(settings.crossCheck, environment.startExecutor);\n',
        fails: /createNode\(\) is refused before it writes anything/,
        nightly: true,
      },
      {
        file: proofs,
        text: "isUndecided(event.error) ? ('cancelled' as const) : ('proof-refused' as const)",
        replacement: "'proof-refused' as const",
        fails: /when the thread dies/,
        nightly: true,
      },
    ],
  },
  {
    tests: 'test/formats/signatures/cross-check-self-test.test.ts',
    controls: [
      {
        file: 'src/formats/signatures/cose-cross-check.ts',
        text: '    if (!accepts(good)) throw',
        replacement: '    if (false) throw',
        fails: /./,
      },
    ],
  },
];
