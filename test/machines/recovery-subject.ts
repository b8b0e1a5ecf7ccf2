import type { RecoveryContext } from '../../machines/recovery.ts';

export { recoverySubject } from '../../src/testing/subjects/recovery.ts';

/** A recovery's context. */
export const known = ({ context }: { readonly context: unknown }): RecoveryContext =>
  context as RecoveryContext;
