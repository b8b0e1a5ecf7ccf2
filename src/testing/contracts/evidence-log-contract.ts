import { fromHex } from '../../core/bytes.ts';
import type { Seqno } from '../../core/words.ts';
import { entryLeafOf } from '../../formats/entries/write-set.ts';
import { commitEvidence, commitEvidenceDigest } from '../../formats/merkle/commit-evidence.ts';
import { txIdOfCommitEvidence } from '../../formats/receipts/receipt-proof.ts';
import {
  digestOf,
  type EvidenceLogCapability,
  type EvidenceLogCase,
  type EvidenceLogRule,
  evidenceLogRules,
  type OpenEvidenceLog,
  type RecordedFact,
  seqnoOf,
  seqnosHeld,
  seqnosTold,
  submit,
  type WatchedLog,
} from './evidence-log-driver.ts';
import { check, checkBytes, checkSame, shown } from './expectations.ts';
import {
  type Contract,
  type ContractOptions,
  capability,
  registerContract,
  type TestFramework,
} from './framework.ts';

/** The one fact that was told of a seqno. */
async function factAt({ log, told }: WatchedLog, seqno: Seqno): Promise<RecordedFact> {
  await log.settle?.();
  const facts = told.filter((fact) => fact.seqno === seqno);
  checkSame(facts.length, 1, `how often the evidence at ${seqno} was told`);
  const [found] = facts;
  check(found !== undefined, `nothing was told of ${seqno}`);
  return found.fact;
}

const ascending = (one: number, other: number): number => one - other;

/** What a receipt will rest on: the leaf, made from what was told, is that of the entry. */
async function checkProvable(watched: WatchedLog, seqno: Seqno): Promise<void> {
  const { digest, writeSetDigest, commitEvidence: text } = await factAt(watched, seqno);
  checkBytes(writeSetDigest, 32, 'the write-set digest');
  const leaf = entryLeafOf({
    type: 4,
    writeSetDigest,
    commitEvidenceDigest: commitEvidenceDigest(text),
    claimsDigest: fromHex(digest),
  });
  checkSame(leaf, watched.log.leaves()[seqno - 1], `the leaf of the evidence at ${seqno}`);
}

const answerCases: readonly EvidenceLogCase[] = [
  {
    rule: 'E1',
    title: 'evidence that is taken is answered with a seqno behind the snapshot',
    async run(watched) {
      await watched.log.append();
      const snapshotSeqno = watched.log.last();
      const seqno = seqnoOf(await submit(watched, 1));
      check(seqno > snapshotSeqno, `the evidence of ${snapshotSeqno} is at ${seqno}`);
      check(seqno <= watched.log.last(), `${seqno} is above the last entry`);
    },
  },
  {
    rule: 'E2',
    title:
      'the entry at the answered seqno holds the snapshot’s seqno and digest as they were submitted',
    async run(watched) {
      for (let number = 1; number <= 4; number++) {
        await watched.log.append();
        const snapshotSeqno = watched.log.last();
        const seqno = seqnoOf(await submit(watched, number));
        const expected = { snapshotSeqno, digest: digestOf(number) };
        checkSame(watched.log.evidenceAt(seqno), expected, `the evidence in the entry ${seqno}`);
      }
    },
  },
  {
    rule: 'E2',
    title: 'evidence of a snapshot that lies back is held with its own seqno',
    async run(watched) {
      const { log } = watched;
      await log.append();
      const snapshotSeqno = log.last();
      // A snapshot is serialised while the log goes on.
      for (let count = 0; count < 3; count++) await log.append();
      const { signal } = new AbortController();
      const answers = [];
      for (const number of [1, 2]) {
        const evidence = { snapshotSeqno, digest: digestOf(number) };
        answers.push({ evidence, answer: await log.evidence.submit(evidence, { signal }) });
        await log.append();
      }
      for (const { evidence, answer } of answers) {
        const seqno = seqnoOf(answer);
        checkSame(log.evidenceAt(seqno), evidence, `the evidence in the entry ${seqno}`);
        const fact = await factAt(watched, seqno);
        checkSame(
          fact.snapshotSeqno,
          snapshotSeqno,
          `the snapshot’s seqno that was told of ${seqno}`,
        );
      }
    },
  },
  {
    rule: 'E2',
    title: 'submissions at the same time are each answered with their own transaction',
    async run(watched) {
      await watched.log.append();
      const numbers = [1, 2, 3, 4, 5];
      const answers = await Promise.all(numbers.map((number) => submit(watched, number)));
      const seqnos = answers.map(seqnoOf);
      checkSame(new Set(seqnos).size, 5, `the number of places of ${seqnos.join()}`);
      for (const [index, seqno] of seqnos.entries()) {
        const expected = digestOf(numbers[index] ?? 0);
        checkSame(watched.log.evidenceAt(seqno)?.digest, expected, `the digest at ${seqno}`);
      }
    },
  },
  {
    rule: 'E2',
    title: 'other transactions that come meanwhile do not take its place',
    async run(watched) {
      await watched.log.append();
      const { log } = watched;
      const work = [
        log.append(),
        submit(watched, 1),
        log.append(),
        submit(watched, 2),
        log.append(),
      ];
      const [, first, , second] = await Promise.all(work);
      for (const [number, answer] of [first, second].entries()) {
        check(typeof answer === 'object', `submit answered with ${shown(answer)}`);
        const found = log.evidenceAt(answer.seqno)?.digest;
        checkSame(found, digestOf(number + 1), `the digest at ${answer.seqno}`);
      }
    },
  },
  {
    rule: 'E2',
    title: 'evidence that is submitted again is answered with a transaction that holds it',
    async run(watched) {
      await watched.log.append();
      const snapshotSeqno = watched.log.last();
      const { signal } = new AbortController();
      const evidence = { snapshotSeqno, digest: digestOf(1) };
      for (let attempt = 0; attempt < 3; attempt++) {
        const seqno = seqnoOf(await watched.log.evidence.submit(evidence, { signal }));
        checkSame(watched.log.evidenceAt(seqno), evidence, `the evidence at ${seqno}`);
        await checkProvable(watched, seqno);
      }
    },
  },
];

const toldCases: readonly EvidenceLogCase[] = [
  {
    rule: 'E3',
    title: 'evidence is told once, whether before the answer or after it',
    async run(watched) {
      await watched.log.append();
      const seqno = seqnoOf(await submit(watched, 1));
      await watched.log.append();
      const told = watched.told.map((one) => one.seqno);
      checkSame(told, [seqno], 'what was told when the next transaction is answered');
      await watched.log.append();
      await factAt(watched, seqno);
      checkSame(watched.told.length, 1, 'what was told in all');
    },
  },
  {
    rule: 'E3',
    title: 'the log holds the evidence that was told, and no other',
    async run(watched) {
      const { log } = watched;
      await log.append();
      const answers = [];
      for (const number of [1, 2, 3]) {
        answers.push(seqnoOf(await submit(watched, number)));
        await log.append();
      }
      const together = [4, 5, 6, 7].map((number) => submit(watched, number));
      answers.push(...(await Promise.all(together)).map(seqnoOf));
      await log.append();
      const told = await seqnosTold(watched);
      checkSame(seqnosHeld(watched), told, 'the entries that hold evidence');
      checkSame(answers.toSorted(ascending), told, 'what was answered');
    },
  },
  {
    rule: 'E3',
    title: 'evidence is told in the order of the log',
    async run(watched) {
      await watched.log.append();
      const numbers = [1, 2, 3, 4, 5, 6];
      const answers = await Promise.all(numbers.map((number) => submit(watched, number)));
      await watched.log.settle?.();
      const told = watched.told.map(({ seqno }) => seqno);
      checkSame(told, answers.map(seqnoOf).toSorted(ascending), 'the order of what was told');
    },
  },
  {
    rule: 'E4',
    title: 'what is told has the snapshot’s seqno and the digest of that seqno',
    async run(watched) {
      await watched.log.append();
      const answers = await Promise.all([submit(watched, 1), submit(watched, 2)]);
      for (const [index, answer] of answers.entries()) {
        const seqno = seqnoOf(answer);
        const { snapshotSeqno, digest } = await factAt(watched, seqno);
        checkSame(digest, digestOf(index + 1), `the digest that was told of ${seqno}`);
        const held = watched.log.evidenceAt(seqno);
        checkSame({ snapshotSeqno, digest }, held, `what was told of ${seqno}`);
      }
    },
  },
  {
    rule: 'E5',
    title: "the entry's leaf claims the digest",
    async run(watched) {
      for (let number = 1; number <= 3; number++) {
        await watched.log.append();
        await checkProvable(watched, seqnoOf(await submit(watched, number)));
      }
    },
  },
  {
    rule: 'E5',
    title: 'the leaf stays in the tree while the log goes on, and so does what was told',
    async run(watched) {
      await watched.log.append();
      const seqno = seqnoOf(await submit(watched, 1));
      const { writeSetDigest } = await factAt(watched, seqno);
      const before = new Uint8Array(writeSetDigest);
      for (let count = 0; count < 3; count++) await watched.log.append();
      await submit(watched, 2);
      checkSame(writeSetDigest, before, 'the write-set digest that was told');
      await checkProvable(watched, seqno);
    },
  },
  {
    rule: 'E6',
    title: 'the commit evidence names the seqno of its entry, and no two are alike',
    async run(watched) {
      const texts = new Set<string>();
      for (let number = 1; number <= 3; number++) {
        await watched.log.append();
        const seqno = seqnoOf(await submit(watched, number));
        const { commitEvidence: text } = await factAt(watched, seqno);
        checkSame(txIdOfCommitEvidence(text).seqno, seqno, 'the seqno in the commit evidence');
        texts.add(text);
      }
      checkSame(texts.size, 3, 'the number of different texts');
    },
  },
  {
    rule: 'E6',
    title: 'the commit evidence is made of the ledger secret in force',
    needs: ['secretAt'],
    async run(watched) {
      const secretAt = capability(watched.log.secretAt, 'secretAt').bind(watched.log);
      await watched.log.append();
      const seqno = seqnoOf(await submit(watched, 1));
      const { commitEvidence: text } = await factAt(watched, seqno);
      const expected = commitEvidence(secretAt(seqno), txIdOfCommitEvidence(text));
      checkSame(text, expected, 'the commit evidence');
    },
  },
];

const refusalCases: readonly EvidenceLogCase[] = [
  {
    rule: 'E7',
    title: 'a log that takes nothing answers "refused", each time',
    needs: ['refuse'],
    async run(watched) {
      await watched.log.append();
      await capability(watched.log.refuse, 'refuse').call(watched.log);
      for (let number = 1; number <= 3; number++) {
        checkSame(await submit(watched, number), 'refused', 'the answer');
      }
    },
  },
  {
    rule: 'E7',
    title: 'what is refused is not in the log, and nothing is told of it',
    needs: ['refuse'],
    async run(watched) {
      await watched.log.append();
      const taken = seqnoOf(await submit(watched, 1));
      await capability(watched.log.refuse, 'refuse').call(watched.log);
      const { length } = watched.log.leaves();
      await submit(watched, 2);
      await watched.log.settle?.();
      checkSame(watched.log.leaves().length, length, 'the number of entries');
      const told = watched.told.map(({ seqno }) => seqno);
      checkSame(told, [taken], 'what was told');
    },
  },
  ...(['before', 'within', 'after'] as const).map(
    (when): EvidenceLogCase => ({
      rule: 'E8',
      title: `a submission that is aborted ${when} the call leaves the log as good as before`,
      async run(watched) {
        await watched.log.append();
        const aborting = new AbortController();
        if (when === 'before') aborting.abort();
        const submitted = submit(watched, 1, aborting);
        if (when === 'within') aborting.abort();
        // Nobody awaits an aborted answer: a refusal, a seqno and an error are all the same.
        await submitted.catch(() => undefined);
        if (when === 'after') aborting.abort();
        await watched.log.append();
        const seqno = seqnoOf(await submit(watched, 2));
        checkSame(watched.log.evidenceAt(seqno)?.digest, digestOf(2), `the digest at ${seqno}`);
        await checkProvable(watched, seqno);
        for (const { seqno: at, fact } of watched.told) {
          const { snapshotSeqno, digest } = fact;
          const held = watched.log.evidenceAt(at);
          checkSame({ snapshotSeqno, digest }, held, `what was told of ${at}`);
        }
        const told = await seqnosTold(watched);
        checkSame(told, seqnosHeld(watched), 'what was told, beside what the log holds');
      },
    }),
  ),
];

/** The contract as data, for a runner of one's own. */
export const evidenceLogContract: Contract<WatchedLog, EvidenceLogCapability, EvidenceLogRule> = {
  name: 'evidence log',
  rules: evidenceLogRules,
  cases: [...answerCases, ...toldCases, ...refusalCases],
};

/** As {@link ContractOptions}, but the log under test is given whom it must tell. */
export interface EvidenceLogOptions
  extends Omit<ContractOptions<WatchedLog, EvidenceLogCapability>, 'open'> {
  /** A new log for each test, which tells the recorder where it would tell a snapshotter. */
  readonly open: OpenEvidenceLog;
}

/** Registers the tests of an evidence log, rule by rule as {@link evidenceLogRules} has them. */
export function registerEvidenceLogContract(
  framework: TestFramework,
  { open, ...options }: EvidenceLogOptions,
): void {
  registerContract(framework, evidenceLogContract, { ...options, open: () => watch(open) });
}

/** Opens a log that is watched: what it tells is noted, copied. */
async function watch(open: OpenEvidenceLog): Promise<WatchedLog> {
  const told: { readonly seqno: Seqno; readonly fact: RecordedFact }[] = [];
  const log = await open({
    recordEvidence: (seqno, fact) => told.push({ seqno, fact: { ...fact } }),
  });
  return { log, told, close: () => log.close?.() };
}
