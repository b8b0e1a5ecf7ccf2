import type { KeyObject } from 'node:crypto';
import { fromBase64, fromHex, toBase64, toHex } from '../../core/bytes.ts';
import { FormatError, LedgerSnapshotterError, VerificationError } from '../../core/errors.ts';
import {
  endorsementBytesMax,
  endorsementChainBytesMax,
  endorsementLinksMax,
} from '../../core/limits.ts';
import { formatTxId, parseTxId } from '../../core/tx-id.ts';
import type { Seqno, TxId } from '../../core/words.ts';
import {
  type CborKey,
  type CborMap,
  type CborValue,
  cborBytes,
  cborMap,
  cborText,
} from '../encoding/cbor.ts';
import {
  encodeJsonFields,
  type JsonObject,
  jsonField,
  jsonObject,
  jsonSeqno,
  jsonText,
  parseJson,
} from '../encoding/json.ts';
import { keyIdOf, keyIdOfSpki, profileOfKey, publicKeyOfSpki, spkiOf } from '../keys/ec-key.ts';
import {
  type CoseSign1,
  coseLabel,
  decodeCoseSign1,
  signCoseSign1,
  verifyCoseSign1,
} from './cose-sign1.ts';
import type { Epoch } from './proof-order.ts';

/** A record of `public:ccf.internal.previous_service_identity_endorsement`, not yet verified. */
export interface IdentityEndorsement {
  /** COSE_Sign1 with the endorsed key attached. */
  readonly endorsement: Uint8Array;
  /** SubjectPublicKeyInfo of the newer identity, DER. */
  readonly endorsingKey: Uint8Array;
  readonly epochBegin: TxId;
  /** Absent at the first opening of a service, which endorses itself. */
  readonly epochEnd?: TxId;
  /** Seqno of the record before. */
  readonly previousVersion?: Seqno;
}

/**
 * Decodes an endorsement record; fields that other releases may add are ignored.
 * @throws FormatError `BAD_JSON`, `BAD_BASE64`, `NUMBER_TOO_LARGE`, `TOO_LARGE`
 */
export function decodeIdentityEndorsement(value: Uint8Array): IdentityEndorsement {
  const object = jsonObject(parseJson(value), 'the endorsement');
  const end = jsonField(object, 'endorsement_epoch_end') !== undefined;
  const previous = jsonField(object, 'previous_version');
  return {
    endorsement: base64Field(object, 'endorsement'),
    endorsingKey: base64Field(object, 'endorsing_key'),
    epochBegin: txIdField(object, 'endorsement_epoch_begin'),
    ...(end ? { epochEnd: txIdField(object, 'endorsement_epoch_end') } : {}),
    ...(previous === undefined ? {} : { previousVersion: jsonSeqno(previous, 'previous_version') }),
  };
}

function base64Field(object: JsonObject, name: string): Uint8Array {
  return fromBase64(jsonText(object.get(name), name));
}

function txIdField(object: JsonObject, name: string): TxId {
  return parseTxId(jsonText(object.get(name), name), 'BAD_JSON');
}

/** The inverse of {@link decodeIdentityEndorsement}, to CCF's bytes. */
export function encodeIdentityEndorsement(record: IdentityEndorsement): Uint8Array {
  const { epochEnd } = record;
  return encodeJsonFields({
    endorsement: toBase64(record.endorsement),
    endorsement_epoch_begin: formatTxId(record.epochBegin),
    endorsement_epoch_end: epochEnd === undefined ? undefined : formatTxId(epochEnd),
    endorsing_key: toBase64(record.endorsingKey),
    previous_version: record.previousVersion,
  });
}

/** A verified endorsement: one key vouches for another during an epoch. */
export interface EndorsementLink {
  readonly endorsedKey: KeyObject;
  readonly endorsedKeyId: string;
  readonly endorsingKeyId: string;
  readonly from: TxId;
  /** Last transaction of the epoch; absent in a service's endorsement of itself. */
  readonly to?: TxId;
  /** Root signed at `to`, hex; absent with it. */
  readonly endRoot?: string;
  /** Size of the COSE message. */
  readonly bytes: number;
}

/**
 * Verifies one endorsement: the gate, the epoch of the signed header against the record's, and the
 * signature under the record's own endorsing key, which proves nothing until that key is trusted.
 * @throws FormatError as `decodeCoseSign1`, and `COSE_STRUCTURE`, `BAD_CERTIFICATE`
 * @throws VerificationError `ALG_NOT_ALLOWED`, `ALG_KEY_MISMATCH`, `SIG_INVALID`, `CHAIN_BROKEN`
 */
export async function verifyIdentityEndorsement(
  record: IdentityEndorsement,
): Promise<EndorsementLink> {
  if (record.endorsement.length > endorsementBytesMax) {
    const place = { actual: record.endorsement.length, expected: endorsementBytesMax };
    throw new FormatError('TOO_LARGE', 'an endorsement above its size limit', place);
  }
  const message = decodeCoseSign1(record.endorsement, { payload: 'attached' });
  const epoch = decodeEpoch(message);
  checkEpoch(record, epoch);
  const endorsingKey = publicKeyOfSpki(record.endorsingKey, 'BAD_CERTIFICATE');
  await verifyCoseSign1(message, endorsingKey);
  const endorsedKey = publicKeyOfSpki(message.payload ?? new Uint8Array(), 'BAD_CERTIFICATE');
  const ids = { endorsedKeyId: keyIdOf(endorsedKey), endorsingKeyId: keyIdOf(endorsingKey) };
  return { endorsedKey, ...ids, ...epoch, bytes: record.endorsement.length };
}

type SignedEpoch = Pick<EndorsementLink, 'from' | 'to' | 'endRoot'>;

function decodeEpoch(message: CoseSign1): SignedEpoch {
  const ccf = cborMap(message.protectedHeader.get(coseLabel.ccf), 'ccf.v1', 'COSE_STRUCTURE');
  const from = headerTxId(ccf, 'epoch.start.txid');
  if (!ccf.has('epoch.end.txid')) return { from };
  const root = cborBytes(ccf.get('epoch.end.merkle.root'), 'the end root', 'COSE_STRUCTURE');
  if (root.length === 32)
    return { from, to: headerTxId(ccf, 'epoch.end.txid'), endRoot: toHex(root) };
  throw new FormatError('COSE_STRUCTURE', `an end root of ${root.length} bytes`);
}

function headerTxId(ccf: CborMap, name: string): TxId {
  return parseTxId(cborText(ccf.get(name), name, 'COSE_STRUCTURE'), 'COSE_STRUCTURE');
}

function checkEpoch(record: IdentityEndorsement, epoch: SignedEpoch): void {
  const signed = [epoch.from, epoch.to].map(epochText).join(' to ');
  const recorded = [record.epochBegin, record.epochEnd].map(epochText).join(' to ');
  if (signed === recorded) return;
  const message = `the record says epoch ${recorded}, the signed header ${signed}`;
  throw new VerificationError('CHAIN_BROKEN', message);
}

function epochText(txId: TxId | undefined): string {
  return txId === undefined ? 'none' : formatTxId(txId);
}

/** Views by which a recovered service begins above the one before it. */
const recoveryViews = 2;

/** A record of the endorsement table and where it was written. */
export interface WrittenEndorsement {
  readonly seqno: Seqno;
  /** The table's value, as in the ledger. */
  readonly value: Uint8Array;
}

/** What {@link verifyEndorsementChain} must lead from and to. */
export interface EndorsementChainOptions {
  /** The pinned service identities. */
  readonly trustedKeys: readonly KeyObject[];
  /** The snapshot's seqno, which the oldest epoch must cover. */
  readonly seqno: Seqno;
  /**
   * First transaction of the service that a trusted key identifies, from `current_service_create_txid`:
   * the first link must end right before it, so that only that service's key leads anywhere.
   * @default not checked
   */
  readonly serviceStart?: TxId;
}

/**
 * Finds the chain of endorsements from a pinned identity down to the one that was in force at a seqno.
 * Records that are malformed, endorse their own key, or have an epoch that ends before it begins are
 * passed over, since real ledgers hold such; each epoch must end right before the next begins, by one seqno and two
 * views.
 * @returns links, newest first; the last link's `endorsedKey` signed at the seqno
 * @throws VerificationError `CHAIN_BROKEN`, `CHAIN_TOO_LONG`
 * @see CCF 7.0.11 src/node/node_state.h
 */
export async function verifyEndorsementChain(
  records: readonly WrittenEndorsement[],
  options: EndorsementChainOptions,
): Promise<readonly EndorsementLink[]> {
  const candidates = readCandidates(records);
  let failure = chainBroken([], options.seqno);
  for (const key of options.trustedKeys) {
    try {
      return await followChain(candidates, keyIdOf(key), options);
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error;
      failure = error;
    }
  }
  throw failure;
}

async function followChain(
  candidates: readonly IdentityEndorsement[],
  trustedKeyId: string,
  { seqno, serviceStart }: EndorsementChainOptions,
): Promise<readonly EndorsementLink[]> {
  const links: EndorsementLink[] = [];
  for await (const link of walkChain(candidates, trustedKeyId, serviceStart)) {
    links.push(link);
    if (link.from.seqno <= seqno) return checkCovered(links, seqno);
  }
  throw chainBroken(links, seqno);
}

/**
 * The endorsements from a key downwards, newest first.
 * @throws VerificationError `CHAIN_TOO_LONG` when more is asked for than is followed
 */
async function* walkChain(
  candidates: readonly IdentityEndorsement[],
  trustedKeyId: string,
  serviceStart: TxId | undefined,
): AsyncGenerator<EndorsementLink> {
  let keyId = trustedKeyId;
  let next = serviceStart;
  let bytes = 0;
  for (let count = 0; count < endorsementLinksMax && bytes <= endorsementChainBytesMax; count++) {
    const link = await nextLink(candidates, keyId, next);
    if (link === undefined) return;
    yield link;
    keyId = link.endorsedKeyId;
    next = link.from;
    bytes += link.bytes;
  }
  const message = `more than ${endorsementLinksMax} endorsements, or ${bytes} bytes of them, lead from key ${trustedKeyId}`;
  throw new VerificationError('CHAIN_TOO_LONG', message, { expected: endorsementLinksMax });
}

/** Keys that are trusted, and where each began. */
export interface TrustedIdentities {
  readonly trustedKeys: readonly KeyObject[];
  /** By key id, as in {@link EndorsementChainOptions}. */
  readonly serviceStarts: ReadonlyMap<string, TxId>;
}

/**
 * When trusted identities were in force: from their services' first transactions, and until the end that a
 * trusted successor has signed, itself or through others. Who trusts an old identity as well as a new one
 * does not trust the old one for ever.
 * @returns by key id
 */
export async function epochsOf(
  records: readonly WrittenEndorsement[],
  { trustedKeys, serviceStarts }: TrustedIdentities,
): Promise<ReadonlyMap<string, Epoch>> {
  const keyIds = trustedKeys.map(keyIdOf);
  const epochs = new Map<string, Epoch>(
    keyIds.map((keyId) => [keyId, { from: serviceStarts.get(keyId) }]),
  );
  // Of one alone there is no other to say when it ended.
  if (keyIds.length < 2) return epochs;
  const candidates = readCandidates(records);
  for (const keyId of keyIds) {
    for (const { endorsedKeyId, from, to } of await linksFrom(candidates, keyId, serviceStarts)) {
      if (epochs.has(endorsedKeyId)) epochs.set(endorsedKeyId, { from, to });
    }
  }
  return epochs;
}

/**
 * The identities before one, newest first, each endorsed by the one after it, as far as the chain holds.
 * @param serviceStarts by key id, as in {@link EndorsementChainOptions}
 */
export async function linksBelow(
  records: readonly WrittenEndorsement[],
  key: KeyObject,
  serviceStarts: ReadonlyMap<string, TxId>,
): Promise<readonly EndorsementLink[]> {
  return linksFrom(readCandidates(records), keyIdOf(key), serviceStarts);
}

async function linksFrom(
  candidates: readonly IdentityEndorsement[],
  keyId: string,
  serviceStarts: ReadonlyMap<string, TxId>,
): Promise<readonly EndorsementLink[]> {
  const links: EndorsementLink[] = [];
  try {
    for await (const link of walkChain(candidates, keyId, serviceStarts.get(keyId)))
      links.push(link);
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
  }
  return links;
}

function readCandidates(records: readonly WrittenEndorsement[]): readonly IdentityEndorsement[] {
  return records
    .toSorted((a, b) => b.seqno - a.seqno)
    .flatMap((record) => ignoreIllFormed(() => [decodeIdentityEndorsement(record.value)]) ?? []);
}

function ignoreIllFormed<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof LedgerSnapshotterError) return undefined;
    throw error;
  }
}

/** The newest valid record of that endorsing key whose epoch ends right before `next`. */
async function nextLink(
  candidates: readonly IdentityEndorsement[],
  keyId: string,
  next: TxId | undefined,
): Promise<EndorsementLink | undefined> {
  for (const candidate of candidates) {
    if (!isConnected(candidate, next)) continue;
    if (keyIdOfSpki(candidate.endorsingKey) !== keyId) continue;
    const link = await verifyIdentityEndorsement(candidate).catch(onlyTyped);
    if (link !== undefined && link.endorsedKeyId !== keyId) return link;
  }
  return undefined;
}

function onlyTyped(error: unknown): undefined {
  if (!(error instanceof LedgerSnapshotterError)) throw error;
}

/**
 * Whether an epoch ends right before the next one. CCF derives the end from the beginning of the service that it
 * recovers to, one seqno and two views before, and asks for just that in every chain.
 * @see CCF 7.0 src/node/rpc/network_identity_chain_helpers.h; `aft::starting_view_change` is 2
 */
function isConnected(
  { epochBegin, epochEnd }: IdentityEndorsement,
  next: TxId | undefined,
): boolean {
  if (epochEnd === undefined) return false;
  if (epochEnd.seqno < epochBegin.seqno || epochEnd.view < epochBegin.view) return false;
  if (next === undefined) return true;
  return epochEnd.seqno + 1 === next.seqno && epochEnd.view + recoveryViews === next.view;
}

function checkCovered(links: readonly EndorsementLink[], at: Seqno): readonly EndorsementLink[] {
  const to = links.at(-1)?.to;
  if (to !== undefined && at <= to.seqno) return links;
  throw chainBroken(links, at);
}

function chainBroken(links: readonly EndorsementLink[], at: Seqno): VerificationError {
  const reached = links.at(-1);
  const message =
    reached === undefined
      ? `no pinned identity endorses another that was in force at seqno ${at}`
      : `the chain stops at epoch ${epochText(reached.from)} to ${epochText(reached.to)}, before seqno ${at}`;
  return new VerificationError('CHAIN_BROKEN', message, { seqno: at, actual: links.length });
}

/** What a service signs about the identity before it. */
export interface EndorsementDraft {
  /** The previous identity; the service's own at its first opening. */
  readonly endorsedKey: KeyObject;
  /** Seconds since 1970. */
  readonly iat: number;
  readonly from: TxId;
  /** Last transaction of the previous service and the root signed there, hex. */
  readonly end?: { readonly txId: TxId; readonly root: string };
  readonly previousVersion?: Seqno;
}

/**
 * Signs an endorsement as a CCF service does when it opens.
 * @returns the table's value
 */
export async function signIdentityEndorsement(
  draft: EndorsementDraft,
  serviceKey: KeyObject,
): Promise<Uint8Array> {
  const { end, from, previousVersion } = draft;
  const endorsement = await signCoseSign1(
    {
      protectedHeader: endorsementHeader(draft, serviceKey),
      payload: spkiOf(draft.endorsedKey),
      attached: true,
    },
    serviceKey,
  );
  return encodeIdentityEndorsement({
    endorsement,
    endorsingKey: spkiOf(serviceKey),
    epochBegin: from,
    ...(end === undefined ? {} : { epochEnd: end.txId }),
    ...(previousVersion === undefined ? {} : { previousVersion }),
  });
}

/** **Order contract:** alg, CWT claims, epoch start, end, root: CCF's own order. */
function endorsementHeader(draft: EndorsementDraft, serviceKey: KeyObject): CborMap {
  const epoch = new Map<CborKey, CborValue>([['epoch.start.txid', formatTxId(draft.from)]]);
  if (draft.end !== undefined) {
    epoch.set('epoch.end.txid', formatTxId(draft.end.txId));
    epoch.set('epoch.end.merkle.root', fromHex(draft.end.root));
  }
  return new Map<CborKey, CborValue>([
    [coseLabel.alg, profileOfKey(serviceKey).alg],
    [coseLabel.cwtClaims, new Map([[6, draft.iat]])],
    [coseLabel.ccf, epoch],
  ]);
}
