// The published types of cose-js are wrong; src/formats/signatures/cose-cross-check.ts states what it relies on.
declare module 'cose-js';
