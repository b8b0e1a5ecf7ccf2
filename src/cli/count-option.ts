import { InvalidArgumentError } from 'commander';
import { parseDecimal } from '../formats/file-name.ts';

/** Reads an option that counts something: digits only, `min` to 2^31 - 1. */
export function parseCount(min: number): (text: string) => number {
  return (text) => {
    const value = text === '0' ? 0 : parseDecimal(text);
    if (value !== undefined && value >= min && value < 2 ** 31) return value;
    throw new InvalidArgumentError(`It must be a whole number of ${min} or above.`);
  };
}
