import { describe, test } from 'node:test';
import { registerEverySuite } from './suites.ts';

registerEverySuite({ test, describe });
