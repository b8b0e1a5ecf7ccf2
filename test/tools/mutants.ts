import { Judge } from '../../src/testing/graph/mutants-trial.ts';
import { mutantsOf } from '../../src/testing/graph/mutants.ts';
import { targets } from '../mutants/checks.ts';
import { sourceMutantsOf } from '../mutants/source-mutants.ts';

for (const name of process.argv.slice(2)) {
  const target = targets[name];
  if (!target) continue;
  let t = performance.now();
  const judge = new Judge(target.checks);
  console.log('judge ms', performance.now() - t);
  const mutants = [...mutantsOf(target.checks.machine), ...(await sourceMutantsOf(target.source))];
  const n: Record<string, number> = {};
  t = performance.now();
  let law = 0;
  for (const mutant of mutants) {
    const t1 = performance.now();
    const v = judge.judge(mutant);
    n[v.kill?.check ?? 'SURVIVED'] = (n[v.kill?.check ?? 'SURVIVED'] ?? 0) + 1;
    if (v.byLaw) law++;
    const ms = performance.now() - t1;
    if (!v.byLaw || ms > 3000) console.log(v.kill ? `${v.kill.check} ${v.kill.found.slice(0, 150)}` : 'SURVIVED', '|', v.mutant, Math.round(ms));
  }
  console.log(name, mutants.length, 'byLaw', law, n, Math.round(performance.now() - t));
}
