import { realClock } from '../../io/clock.ts';
import { ContractError } from './expectations.ts';

/** How a framework takes a test; `test` of vitest, jest and node:test all are of this shape. */
export interface TestFunction {
  (name: string, fn: () => Promise<void>): unknown;
  /** What a driver lacks must be told, so that nothing left out looks like a pass. */
  readonly skip: (name: string, fn: () => Promise<void>) => unknown;
}

/** What a host hands over of its test framework. */
export interface TestFramework {
  readonly test: TestFunction;
  /** Groups the tests of one contract; without it their names alone say which it is. */
  readonly describe?: (name: string, fn: () => void) => unknown;
}

/** What every driver may have besides. */
export interface Closable {
  /** Called at the end of each test, also of one that failed. */
  close?(): Promise<void> | void;
}

/** What a host says of the adapter under test. */
export interface ContractOptions<Driver extends Closable, Capability extends string> {
  /** A new one for each test, with nothing in it that another test has left. */
  readonly open: () => Promise<Driver> | Driver;
  /** What the driver cannot do, each with the reason: its tests are reported as skipped, under their names. */
  readonly lacks?: Readonly<Partial<Record<Capability, string>>>;
  /** How long one test may take, in milliseconds, before it fails as one that hangs. @default 30_000 */
  readonly timeoutMs?: number;
}

/** One test of a contract. */
export interface ContractCase<Driver, Capability extends string, Rule extends string = string> {
  /** Number of the rule that it shows. */
  readonly rule: Rule;
  /** What the adapter does when it keeps the rule. */
  readonly title: string;
  /** What the driver must be able to do for it. */
  readonly needs?: readonly Capability[];
  run(driver: Driver): Promise<void> | void;
}

/** A port's rules and the tests that show them. */
export interface Contract<Driver, Capability extends string, Rule extends string = string> {
  /** Begins the name of each test. */
  readonly name: string;
  readonly rules: Readonly<Record<Rule, string>>;
  readonly cases: readonly ContractCase<Driver, Capability, Rule>[];
}

/** The name of a case's test. */
export function testNameOf(contract: { readonly name: string }, { rule, title }: CaseName): string {
  return `${contract.name} ${rule}: ${title}`;
}

type CaseName = Pick<ContractCase<never, never>, 'rule' | 'title'>;

/** Registers every test of a contract; what the driver lacks becomes a skipped test that says so. */
export function registerContract<
  Driver extends Closable,
  Capability extends string,
  Rule extends string,
>(
  framework: TestFramework,
  contract: Contract<Driver, Capability, Rule>,
  options: ContractOptions<Driver, Capability>,
): void {
  const register = () => {
    for (const item of contract.cases) registerCase(framework, contract, item, options);
  };
  if (framework.describe) framework.describe(`the contract of the ${contract.name}`, register);
  else register();
}

function registerCase<Driver extends Closable, Capability extends string, Rule extends string>(
  { test }: TestFramework,
  contract: Contract<Driver, Capability, Rule>,
  item: ContractCase<Driver, Capability, Rule>,
  options: ContractOptions<Driver, Capability>,
): void {
  const name = testNameOf(contract, item);
  const lacking = (item.needs ?? []).find((need) => options.lacks?.[need] !== undefined);
  if (lacking === undefined) {
    test(name, () => runCase(contract, item, options));
    return;
  }
  const skipped = `${name} (skipped: ${options.lacks?.[lacking]})`;
  test.skip(skipped, async () => {});
}

async function runCase<Driver extends Closable, Capability extends string, Rule extends string>(
  { name, rules }: Contract<Driver, Capability, Rule>,
  item: ContractCase<Driver, Capability, Rule>,
  { open, timeoutMs = 30_000 }: ContractOptions<Driver, Capability>,
): Promise<void> {
  const { rule } = item;
  const whole = async () => {
    const driver = await open();
    try {
      await item.run(driver);
    } finally {
      await driver.close?.();
    }
  };
  try {
    await withinMs(timeoutMs, whole());
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new ContractError(`${name} ${rule} is broken (${rules[rule]}): ${detail}`, { cause });
  }
}

/** @throws ContractError when it takes longer: no framework would name what it waited for */
async function withinMs<T>(limitMs: number, work: Promise<T>, clock = realClock): Promise<T> {
  let timer: unknown;
  const late = new Promise<never>((_, reject) => {
    const refuse = () => reject(new ContractError(`it has not ended within ${limitMs} ms`));
    timer = clock.setTimeout(refuse, limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clock.clearTimeout(timer);
  }
}

/** A part of a driver that a case needs. @throws ContractError when it is not there and not named as lacking */
export function capability<T>(part: T | undefined, name: string): T {
  if (part !== undefined) return part;
  throw new ContractError(`the driver has no ${name}: write it, or name it in "lacks"`);
}
