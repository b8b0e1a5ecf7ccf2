/** Where the library takes unpredictable bytes from; a seeded one makes a run repeatable. */
export interface Randomness {
  /** `length` fresh random bytes. */
  bytes(length: number): Uint8Array;
}
