/** Every bound on what is believed from outside, with where it comes from. Sizes are in bytes. */

/** Largest ledger entry: CCF's `ledger.max_transaction_size` is 32 MB, snapshots exempt. */
export const entryBytesMax = 64 * 1024 * 1024;

/** Largest chunk: its position table holds u32 offsets. */
export const chunkBytesMax = 0xffff_ffff;

/** Largest snapshot file held whole, where a caller asks for all of its content: one Node buffer. Others are read piece by piece. */
export const snapshotBytesMax = 2 * 1024 * 1024 * 1024;

/** Largest snapshot file that is read at all, unless another bound is asked for: a node's store holds no larger state. */
export const snapshotFileBytesMax = 256 * 1024 * 1024 * 1024;

/** Longest key of a snapshot that is read piece by piece, and record that is held: no ledger entry could have a longer one. */
export const heldRecordBytesMax = 64 * 1024 * 1024;

/** Keys of one hash in a snapshot's table: among 2^32 hashes even a billion keys have no ten alike by chance. */
export const tiedKeysMax = 64 * 1024;

/** What is held of a snapshot that is only looked through: names of tables, and records of CCF's own tables. */
export const heldBytesMax = 256 * 1024 * 1024;

/** Largest receipt behind a snapshot's body: CCF's are 0.6 to 4 KiB. */
export const receiptBytesMax = 1024 * 1024;

/** Nesting of CBOR in COSE messages: CCF's reach 5. */
export const cborDepthMax = 6;

/** Largest JSON value of a table or receipt, and its nesting: CCF's stay below 64 KiB and 6. */
export const jsonBytesMax = 1024 * 1024;
export const jsonDepthMax = 64;

/** Largest text that holds a certificate or key in PEM: those of CCF are of 0.5 to 2 KiB, with a chain behind them of 10. */
export const pemBytesMax = 64 * 1024;

/** Longest Merkle path: a tree of 2^53 leaves. */
export const merklePathMax = 53;

/** Links of an endorsement chain, bytes of one, and of all: CCF's own limits. */
export const endorsementLinksMax = 64;
export const endorsementBytesMax = 1024 * 1024;
export const endorsementChainBytesMax = 4 * 1024 * 1024;

/** Longest delay a timer can have in Node, in milliseconds. */
export const timerDelayMsMax = 2 ** 31 - 1;

/** Longest key and value of an app's record: each is copied on the main thread, which must not stall. */
export const keyBytesMax = 1024 * 1024;
export const valueBytesMax = 1024 * 1024;

/** Names, keys and values that one transaction writes: CCF's `ledger.max_transaction_size`. */
export const transactionBytesMax = 32 * 1024 * 1024;

/** Keys that one transaction changes: their lengths take room beside them, and the entry must stay below its bound. */
export const transactionChangesMax = 256 * 1024;

/** Highest view of a ledger's entry: the history of views has an item for each of them. */
export const viewMax = 2 ** 20;
