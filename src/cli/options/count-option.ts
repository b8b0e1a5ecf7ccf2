import { InvalidArgumentError } from 'commander';
import { parseDecimal } from '../../core/decimal.ts';

/** Reads an option that counts something: digits only, `min` to `max`, which is 2^31 - 1 unless it is given. */
export function parseCount(min: number, max = 2 ** 31 - 1): (text: string) => number {
  return (text) => {
    const value = text === '0' ? 0 : parseDecimal(text);
    if (value !== undefined && value >= min && value <= max) return value;
    const bounds = max === 2 ** 31 - 1 ? `of ${min} or above` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`It must be a whole number ${bounds}.`);
  };
}
