import { assert } from '../core/errors.ts';
import type { LedgerState } from '../store/ledger-store.ts';
import { Transaction } from '../store/transaction.ts';

/** What a transaction does: it reads and writes through `tx`, and may run more than once when it waits. */
export type TransactionBody<T> = (tx: Transaction) => T | PromiseLike<T>;

/** One run of a transaction's body. */
export class TransactionRun<T> {
  #transaction: Transaction | undefined;
  #returned: T | PromiseLike<T> | undefined;
  result: T | undefined;

  get transaction(): Transaction {
    assert(this.#transaction !== undefined, 'the run has begun');
    return this.#transaction;
  }

  /** Whether the body is done already. One that waits goes on with the state that it began with. */
  begin(body: TransactionBody<T>, tables: LedgerState): boolean {
    this.#transaction = new Transaction(tables);
    try {
      this.#returned = body(this.#transaction);
      if (isPromise(this.#returned)) {
        this.#transaction.hold();
        return false;
      }
    } catch (error) {
      this.#transaction.end();
      throw error;
    }
    this.#end(this.#returned);
    return true;
  }

  async finish(): Promise<void> {
    try {
      this.result = await this.#returned;
    } finally {
      this.transaction.end();
    }
  }

  /** Whoever kept the transaction must not write into it behind our back. */
  #end(result: T | undefined): void {
    this.transaction.end();
    this.result = result;
  }
}

function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
