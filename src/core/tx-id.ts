import { type FormatCode, FormatError } from './errors.ts';
import { seqno, type TxId, view } from './words.ts';

/**
 * Parses `<view>.<seqno>`, both decimal without leading zeros.
 * @throws FormatError `code` on another shape, `NUMBER_TOO_LARGE` beyond 2^31-1 and 2^53-1
 */
export function parseTxId(text: string, code: FormatCode = 'BAD_TEXT'): TxId {
  const match = /^(0|[1-9][0-9]{0,19})\.(0|[1-9][0-9]{0,19})$/.exec(text);
  if (match === null) {
    throw new FormatError(code, `not a transaction id: ${JSON.stringify(text.slice(0, 80))}`);
  }
  const numbers = { view: Number(match[1]), seqno: Number(match[2]) };
  if (numbers.view > 0x7fff_ffff || !Number.isSafeInteger(numbers.seqno)) {
    throw new FormatError('NUMBER_TOO_LARGE', `transaction id ${text} is out of range`);
  }
  return { view: view(numbers.view), seqno: seqno(numbers.seqno) };
}

/** Writes a transaction id as CCF does: `<view>.<seqno>`. */
export function formatTxId(txId: TxId): string {
  return `${txId.view}.${txId.seqno}`;
}
