/**
 * Reads a decimal number of 1 … 2^53-1 as file names hold it: digits only, no leading zero.
 * (`Number` and `parseInt` would also take `0x10`, ` 5` and `12abc`.)
 */
export function parseDecimal(text: string): number | undefined {
  if (!/^[1-9][0-9]{0,15}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
