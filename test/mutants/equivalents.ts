/**
 * Mutants that no check could notice, by machine and name, each with its proof. An entry that names no mutant, or one
 * that a check notices, fails the campaign; so do more of them than three in a hundred.
 */
export const equivalents: Readonly<Record<string, Readonly<Record<string, string>>>> = {};
