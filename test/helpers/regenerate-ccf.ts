import { seqno } from '../../src/core/words.ts';
import { readMemberKeys } from '../../src/ledger/member-keys.ts';
import { replayLedger } from '../../src/replay/replay.ts';
import { inCcfData } from '../cli/temporary.ts';

/** Regenerates the snapshot of one seqno from a CCF service's ledger into a directory. */
export async function regenerateCcf(service: string, at: number, out: string): Promise<void> {
  const memberKeys = await readMemberKeys(inCcfData(service, 'common'));
  await replayLedger({ ledger: inCcfData(service, 'ledger'), out, memberKeys, at: seqno(at) });
}
