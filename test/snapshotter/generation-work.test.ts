import { getEventListeners } from 'node:events';
import { beforeEach, describe, expect, test } from 'vitest';
import type { ActionRequest } from '../../machines/ports.ts';
import { AbortedError } from '../../src/core/errors.ts';
import { seqno, view } from '../../src/core/words.ts';
import { GenerationWork } from '../../src/snapshotter/generation-work.ts';
import { first, GenerationWorkHost, other, own, root } from '../helpers/generation-work-host.ts';

/** The signature of a node of CCF 1.x. */
const ofNode = {
  form: 'node' as const,
  spki: new Uint8Array(1),
  signature: {
    ...{ seqno: seqno(9), view: view(2), commitSeqno: seqno(0), commitView: view(2), node: 'n' },
    ...{ hashedNonce: new Uint8Array(32), root: new Uint8Array(32), signature: new Uint8Array(8) },
  },
};

const submission = { kind: 'submit-evidence', digest: own } as const;

const receiptOf = (signature: number, receipt: 'cose' | 'none' = 'cose'): ActionRequest => ({
  ...{ kind: 'build-receipt', receipt, digest: own },
  ...{ evidenceSeqno: seqno(8), signatureSeqno: seqno(signature) },
});

let host: GenerationWorkHost;
let work: GenerationWork;

beforeEach(async () => {
  host = await GenerationWorkHost.make();
  work = host.work;
});

describe('GenerationWork forgets', () => {
  test('what lies above a rollback, and not what lies at it', async () => {
    work.begin(first);
    for (const at of [9, 11, 12]) await host.sign(at);
    for (const at of [8, 11, 12]) host.hold(at, 6);
    work.forgetAbove(seqno(11));
    expect(await host.signaturesOf(9, 11, 12)).toEqual([9, 11]);
    expect(await host.evidencesOf(9, 8, 11, 12)).toEqual([8, 11]);
  });

  test('what is committed, but for the evidence of who lives and the first signature after it', async () => {
    work.begin(first);
    for (const at of [7, 8, 9, 10, 11, 12]) await host.sign(at);
    for (const [at, version] of [
      [5, 3],
      [8, 6],
      [12, 3],
    ] as const)
      host.hold(at, version);
    work.forgetUnneeded(seqno(11));
    // One at the evidence's own seqno is not after it; it is held as the evidence is.
    expect(await host.signaturesOf(7, 8, 9, 10, 11, 12)).toEqual([8, 9, 12]);
    expect(await host.evidencesOf(9, 5, 8, 12)).toEqual([8, 12]);
  });

  test('everything that is committed once nobody lives that needs it', async () => {
    work.begin(first);
    for (const at of [9, 12]) await host.sign(at);
    host.hold(8, 6);
    work.release(first);
    work.forgetUnneeded(seqno(10));
    work.begin(first);
    expect(await host.signaturesOf(9, 12)).toEqual([12]);
    expect(await host.evidencesOf(12, 8)).toEqual([]);
  });

  test('no evidence that no signature follows yet', async () => {
    work.begin(first);
    host.hold(8, 6);
    work.forgetUnneeded(seqno(10));
    await host.sign(11);
    expect(await host.evidencesOf(11, 8)).toEqual([8]);
  });
});

describe('GenerationWork, of a frozen state,', () => {
  test('holds one a seqno', () => {
    work.holdFrozen(seqno(6), host.stateOf('one'));
    expect(() => work.holdFrozen(seqno(6), host.stateOf('two'))).toThrow('frozen once');
  });

  test('gives it to whoever takes it, once, and another can be held', () => {
    const state = host.stateOf('one');
    work.holdFrozen(seqno(6), state);
    expect(work.takeFrozen(seqno(6))).toBe(state);
    expect(work.takeFrozen(seqno(6))).toBeUndefined();
    work.holdFrozen(seqno(6), host.stateOf('two'));
    work.releaseFrozen(seqno(6));
    work.releaseFrozen(seqno(6));
    expect([host.released, host.errors]).toEqual([['two'], []]);
  });

  test('logs that it could not be released, where there is a log', () => {
    const error = new Error('no');
    const release = () => {
      throw error;
    };
    work.releaseTaken(seqno(6), { ...host.stateOf('one'), release });
    new GenerationWork({ ...host.options, logger: undefined }).releaseTaken(seqno(6), {
      ...host.stateOf('one'),
      release,
    });
    expect(host.errors).toEqual([
      [{ error, seqno: 6 }, 'the source failed to release a frozen state'],
    ]);
  });

  test('says that there is none to serialise', async () => {
    work.begin(first);
    await expect(work.run(first, { kind: 'serialise' })).rejects.toThrow('at 6 is frozen');
  });
});

describe('GenerationWork, of a generation that is over,', () => {
  test('knows nothing any more, and gives its state back', async () => {
    await host.begun();
    expect(work.serialised(first)).toMatchObject({ digest: own, bytes: 100 });
    expect(work.progress(first)).toBe(0.25);
    work.release(first);
    expect(host.released).toEqual(['state at 6']);
    expect(work.serialised(first)).toBeUndefined();
    expect(work.progress(first)).toBe(0);
    await expect(work.appendReceipt(first)).rejects.toThrow('generation 1 is live');
  });

  test('that broke off, aborts its work, gives its state back and discards its spool', async () => {
    await host.begun();
    await work.openSpool(first, 0);
    await work.abandon(first);
    expect(host.signals[0]?.reason).toEqual(new AbortedError('generation 1'));
    expect(host.released).toEqual(['state at 6']);
    expect((await host.fileSystem.list('/s')).map(({ name }) => name)).toEqual(['lock']);
    expect([host.fileSystem.openHandles, host.errors]).toEqual([0, []]);
    await work.abandon(first);
    expect(host.released).toHaveLength(1);
  });

  test('touches nothing of a seqno that is another one’s', async () => {
    await host.begun();
    await work.abandon({ generation: 2, seqno: seqno(6) });
    work.abort({ generation: 2, seqno: seqno(6) });
    expect([host.released, host.signals[0]?.aborted]).toEqual([[], false]);
  });

  test.each(['with', 'without'])(
    'leaves its spool to the sweep, %s a log to say so',
    async (which) => {
      if (which === 'without') work = host.forgetLog();
      await host.begun();
      await work.openSpool(first, 0);
      host.fileSystem.failNext('remove', 'EIO');
      await work.abandon(first);
      const line = [{ error: expect.any(Error), ...first }, 'a spool was left to the sweep'];
      expect(host.errors).toEqual(which === 'with' ? [line] : []);
    },
  );
});

describe('GenerationWork submits evidence', () => {
  test('and takes the host’s answer', async () => {
    host.submit = async (evidence, { signal }) => {
      expect(evidence).toEqual({ snapshotSeqno: 6, version: 6, digest: own });
      expect(signal).toBe(host.signals[0]);
      return { seqno: seqno(8) };
    };
    await host.begun();
    expect(await work.run(first, submission)).toEqual({ kind: 'submit-evidence', seqno: 8 });
  });

  test('and takes what is in the log for an answer: of its version, with its digest', async () => {
    await host.begun();
    await host.begun({ generation: 2, seqno: seqno(7) });
    const answer = work.run(first, submission);
    host.hold(20, 6, other);
    host.hold(21, 7);
    host.hold(22, 6);
    expect(await answer).toMatchObject({ seqno: 22 });
  });

  test('and says that the log refused it', async () => {
    host.submit = async () => 'refused';
    await host.begun();
    await expect(work.run(first, submission)).rejects.toMatchObject({
      ...{ code: 'EVIDENCE_REFUSED', seqno: 6, message: 'the log refused the evidence of 6' },
    });
  });

  test.each(['before', 'while'])('and waits no longer once it aborts, %s it asks', async (when) => {
    await host.begun();
    if (when === 'before') work.abort(first);
    const answer = work.run(first, submission);
    if (when === 'while') work.abort(first);
    await expect(answer).rejects.toEqual(new AbortedError('generation 1'));
  });

  test('and leaves no listener on the signal', async () => {
    host.submit = async () => ({ seqno: seqno(8) });
    await host.begun();
    await work.run(first, submission);
    const [signal] = host.signals;
    if (signal === undefined) throw new Error('nothing was serialised');
    await expect.poll(() => getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('GenerationWork proves', () => {
  test('a signature of the form that a receipt asks for', async () => {
    work.begin(first);
    await host.sign(9);
    const proof = await work.verifySignature(first, seqno(9), 'cose');
    expect(proof).toMatchObject({ form: 'cose', seqno: 9, root });
    expect(host.asked.verifySignature).toMatchObject([{ seqno: 9, signature: { form: 'cose' } }]);
    await expect(work.verifySignature(first, seqno(9), 'json')).rejects.toMatchObject({
      ...{ code: 'NO_SIGNATURE', seqno: 9 },
      message: 'the signature transaction 9 has no signature for a receipt of form json',
    });
  });

  test('nothing for a generation that aborts', async () => {
    await host.begun();
    host.hold(8, 6);
    await host.sign(9);
    await work.proveEvidence(first, seqno(8), seqno(9));
    work.abort(first);
    const jobs = [
      work.verifySignature(first, seqno(9), 'cose'),
      work.proveEvidence(first, seqno(8), seqno(9)),
      work.run(first, receiptOf(9)),
    ];
    const ends = await Promise.allSettled(jobs);
    const aborted = { status: 'rejected', reason: expect.any(AbortedError) };
    expect(ends).toEqual([aborted, aborted, aborted]);
    expect([host.asked.verifySignature, host.asked.checkReceipt]).toEqual([[], []]);
  });

  test('that evidence is in the tree of a signature, by its leaf', async () => {
    await host.begun();
    host.hold(8, 6);
    await host.sign(9);
    await expect(work.run(first, receiptOf(9))).rejects.toThrow('the path was proven before');
    const proof = await work.proveEvidence(first, seqno(8), seqno(9));
    expect(proof).toMatchObject({ evidenceSeqno: 8, signatureSeqno: 9, root });
    const facts = { leaf: new Uint8Array(32), tree: new Uint8Array(1) };
    expect(host.asked.proveEvidence).toEqual([{ evidenceSeqno: 8, signatureSeqno: 9, ...facts }]);
  });

  test('nothing of facts that it was not told of', async () => {
    work.begin(first);
    const proving = work.proveEvidence(first, seqno(8), seqno(9));
    await expect(proving).rejects.toThrow('the fact of seqno 8 is held');
  });

  test.each([
    [9, 12],
    [12, 9],
  ])(
    'evidence anew, and the last one asked for is the path, though %i is answered before %i',
    async (...order) => {
      await host.begun();
      host.hold(8, 6);
      for (const at of [9, 12]) await host.sign(at);
      const answers = new Map<number, () => void>();
      for (const at of order) {
        host.proofHolds.set(at, new Promise((resolve) => answers.set(at, resolve)));
      }
      const proofs = new Map(
        [9, 12].map((at) => [at, work.proveEvidence(first, seqno(8), seqno(at))]),
      );
      for (const at of order) {
        answers.get(at)?.();
        expect(await proofs.get(at)).toMatchObject({ evidenceSeqno: 8, signatureSeqno: at, root });
      }
      await expect(work.run(first, receiptOf(9))).rejects.toThrow('proven before');
      expect(await work.run(first, receiptOf(12))).toMatchObject({
        file: 'snapshot_6_8.committed',
      });
    },
  );
});

describe('GenerationWork writes', () => {
  test('the receipt behind the snapshot, once it is checked', async () => {
    await host.begun();
    host.hold(8, 6);
    await host.sign(9);
    await work.proveEvidence(first, seqno(8), seqno(9));
    await work.openSpool(first, 0);
    const built = await work.run(first, receiptOf(9));
    await work.appendReceipt(first);
    expect(host.asked.checkReceipt).toMatchObject([
      { form: 'cose', digest: own, crossCheck: true },
    ]);
    const bytes = built.kind === 'serialise' || built.kind === 'build-receipt' ? built.bytes : 0;
    expect(bytes).toBeGreaterThan(100);
    expect((await host.fileSystem.stat('/s/spool_6_0.tmp'))?.size).toBe(100 + bytes);
    await work.syncSpool(first);
    await work.closeSpool(first);
    expect(await work.publish(first, 'snapshot_6_8.committed')).toBe('published');
    await work.syncDirectory(first);
    const durable = await host.fileSystem.crash().list('/s');
    expect(durable.map(({ name }) => name)).toContain('snapshot_6_8.committed');
  });

  test('none where the ledger has none, and checks none', async () => {
    await host.begun();
    work.holdSignatures(seqno(9), { cose: undefined, node: ofNode });
    await work.openSpool(first, 0);
    const writes = host.fileSystem.journal.length;
    expect(await work.run(first, receiptOf(9, 'none'))).toEqual({
      ...{ kind: 'build-receipt', file: 'snapshot_6_8.committed_9', bytes: 0 },
    });
    await work.appendReceipt(first);
    expect([host.asked.checkReceipt, host.fileSystem.journal.length]).toEqual([[], writes]);
    await work.discardSpool(first);
  });

  test('no receipt behind a snapshot that is not serialised', async () => {
    work.begin(first);
    await expect(work.appendReceipt(first)).rejects.toThrow('to a serialised snapshot');
  });

  test('a spool of another name after one that failed', async () => {
    work.begin(first);
    await work.openSpool(first, 0);
    await work.discardSpool(first);
    await work.openSpool(first, 1);
    const names = (await host.fileSystem.list('/s')).map(({ name }) => name);
    expect(names).toEqual(['lock', 'spool_6_1.tmp']);
    await work.discardSpool(first);
  });
});
