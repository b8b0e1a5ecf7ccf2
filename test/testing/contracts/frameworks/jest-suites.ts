import type { TestFramework } from '../../../../src/testing/contracts/framework.ts';
import { registerEverySuite } from './suites.ts';

// Jest puts its functions among the globals, where only its own types would know them.
const { test, describe } = globalThis as unknown as Required<TestFramework>;

registerEverySuite({ test, describe });
