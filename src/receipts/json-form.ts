import { FormatError } from '../core/errors.ts';
import { merklePathMax } from '../core/limits.ts';
import {
  type JsonObject,
  type JsonValue,
  jsonArray,
  jsonObject,
  jsonText,
} from '../formats/encoding/json.ts';
import type { MerklePath, PathStep } from '../formats/merkle/path-fold.ts';
import {
  checkCommitEvidenceLength,
  jsonReceiptFields,
} from '../formats/receipts/receipt-claims.ts';
import { bytesOfBase64, bytesOfHex } from './keys/encodings.ts';

/** A JSON receipt of any release of CCF, or of Azure Confidential Ledger. */
export interface JsonForm {
  /** PEM of the node; releases before 2.0 may leave it out. */
  readonly certificate: string | undefined;
  readonly nodeId: string | undefined;
  readonly path: MerklePath;
  /** ECDSA in DER over the root taken as a digest. */
  readonly signature: Uint8Array;
  /** The leaf's parts; `undefined` where the receipt gives a leaf, or a signed root, as it is. */
  readonly components: JsonComponents | undefined;
  readonly leaf: Uint8Array | undefined;
  readonly isSignatureTransaction: boolean | undefined;
  /** PEM, from the service that signed the node's certificate to the one that endorses it last. */
  readonly endorsements: readonly string[];
  readonly ignored: readonly string[];
  /** Of the object around a receipt of Azure Confidential Ledger. */
  readonly applicationClaims: JsonValue | undefined;
  readonly transactionId: string | undefined;
}

/** Which of them there are depends on the entry's type. */
export interface JsonComponents {
  readonly writeSetDigest: Uint8Array;
  readonly commitEvidence: string | undefined;
  readonly claimsDigest: Uint8Array | undefined;
}

const code = 'RECEIPT_FORMAT';

/** Most certificates in a chain of endorsements, as of COSE endorsements. */
const endorsementsMax = 64;

const fields = [...jsonReceiptFields, 'signed_root'];
const componentFields = ['claims_digest', 'commit_evidence', 'write_set_digest'];
const wrapperFields = ['application_claims', 'receipt', 'state', 'transaction_id'];

/**
 * Decodes a receipt as liberally as its writers were: any order of fields, white space, unknown fields, `camelCase`,
 * and Azure's object around it. What a value says is read strictly: one text for each digest, number and signature.
 * A field whose name is one letter off a known one is refused: what it says would be passed over unseen.
 * @throws FormatError `RECEIPT_MISSING`, `RECEIPT_FORMAT`, `MERKLE_PATH`, `BAD_HEX`, `BAD_BASE64`, `DUPLICATE_KEY`
 */
export function decodeJsonForm(value: JsonValue): JsonForm {
  const object = jsonObject(value, 'the receipt', code);
  const outer = known(object, wrapperFields);
  const isWrapped = outer.fields.has('receipt') || outer.fields.has('state');
  if (!isWrapped) return receiptOf(object, new Map(), []);
  const state = outer.fields.get('state');
  if (state !== undefined && state !== 'Ready') {
    throw new FormatError(
      'RECEIPT_MISSING',
      'the service had not made the receipt yet: ask it again',
    );
  }
  const receipt = jsonObject(outer.fields.get('receipt'), 'receipt', code);
  return receiptOf(receipt, outer.fields, outer.ignored);
}

function receiptOf(
  object: JsonObject,
  wrapper: JsonObject,
  ignoredAround: readonly string[],
): JsonForm {
  const { fields: own, ignored } = known(object, fields);
  const certificate = own.get('cert');
  const nodeId = own.get('node_id');
  const transactionId = wrapper.get('transaction_id');
  return {
    certificate: certificate === undefined ? undefined : jsonText(certificate, 'cert', code),
    nodeId: nodeId === undefined ? undefined : jsonText(nodeId, 'node_id', code),
    signature: bytesOfBase64(jsonText(own.get('signature'), 'signature', code)),
    ...leafOf(own),
    path: pathOf(own),
    isSignatureTransaction: flagOf(own.get('is_signature_transaction')),
    endorsements: endorsementsOf(own.get('service_endorsements')),
    ignored: [...ignoredAround, ...ignored],
    applicationClaims: wrapper.get('application_claims'),
    transactionId:
      transactionId === undefined ? undefined : jsonText(transactionId, 'transactionId', code),
  };
}

interface KnownFields {
  /** By their names in `snake_case`. */
  readonly fields: JsonObject;
  readonly ignored: readonly string[];
}

/** Sorts an object's fields into those of a list, in either spelling, and others. @throws FormatError */
function known(object: JsonObject, names: readonly string[]): KnownFields {
  const found = new Map<string, JsonValue>();
  const ignored: string[] = [];
  const spellings = new Map(
    names.flatMap((name) => [
      [name, name],
      [camelCase(name), name],
    ]),
  );
  for (const [field, value] of object) {
    const name = spellings.get(field);
    if (name !== undefined && value === null) continue; // as if it were not there
    if (name === undefined) {
      checkNoSlip(field, [...spellings.keys()]);
      ignored.push(field);
    } else if (found.has(name)) {
      throw new FormatError('DUPLICATE_KEY', `the receipt has ${name} twice, in two spellings`);
    } else found.set(name, value);
  }
  return { fields: found, ignored };
}

function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function checkNoSlip(field: string, names: readonly string[]): void {
  const meant = names.find((name) => differsInOneLetter(field, name));
  if (meant === undefined) return;
  throw new FormatError(code, `unknown field ${JSON.stringify(field)}: ${meant} is meant?`);
}

function differsInOneLetter(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let differences = 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) differences++;
  return differences === 1;
}

function leafOf(own: JsonObject): Pick<JsonForm, 'components' | 'leaf'> {
  const given = ['leaf', 'leaf_components', 'signed_root'].filter((name) => own.has(name));
  const [name] = given;
  if (name === undefined || given.length > 1) {
    throw new FormatError(code, 'not exactly one of leaf, leaf_components and signed_root');
  }
  if (name !== 'leaf_components') {
    return { components: undefined, leaf: digestOf(own.get(name), name) };
  }
  const object = jsonObject(own.get(name), name, code);
  const { fields: parts, ignored } = known(object, componentFields);
  if (ignored.length > 0) {
    throw new FormatError(code, `a leaf with an unknown part ${JSON.stringify(ignored[0])}`);
  }
  const claims = parts.get('claims_digest');
  const evidence = parts.get('commit_evidence');
  const components = {
    writeSetDigest: digestOf(parts.get('write_set_digest'), 'write_set_digest'),
    commitEvidence: evidence === undefined ? undefined : evidenceOf(evidence),
    claimsDigest: claims === undefined ? undefined : digestOf(claims, 'claims_digest'),
  };
  if (components.claimsDigest !== undefined && components.commitEvidence === undefined) {
    // Such a leaf has the form of an inner node of the tree, whose halves would pass for an entry and its claims.
    throw new FormatError(code, 'a leaf with a claims digest and no commit evidence', {
      expected: 'commit_evidence beside claims_digest, as every release wrote it',
    });
  }
  return { components, leaf: undefined };
}

function evidenceOf(value: JsonValue): string {
  const text = jsonText(value, 'commit_evidence', code);
  checkCommitEvidenceLength(text);
  return text;
}

function digestOf(value: JsonValue | undefined, what: string): Uint8Array {
  const bytes = bytesOfHex(jsonText(value, what, code));
  if (bytes.length === 32) return bytes;
  throw new FormatError(code, `${what} has ${bytes.length} bytes, not 32`);
}

/** A signature transaction's receipt may leave the proof out: what is signed is its leaf. */
function pathOf(own: JsonObject): MerklePath {
  if (own.has('signed_root') && !own.has('proof')) return [];
  const steps = jsonArray(own.get('proof'), 'proof', code);
  if (steps.length <= merklePathMax) return steps.map(stepOf);
  const place = { actual: steps.length, expected: merklePathMax };
  const message = `a path of ${steps.length} steps: at most ${merklePathMax} are read`;
  throw new FormatError('MERKLE_PATH', message, place);
}

function stepOf(value: JsonValue): PathStep {
  const step = jsonObject(value, 'a step of the proof', code);
  const left = step.has('left');
  if (step.size !== 1) throw new FormatError(code, 'a step has not exactly one side');
  return { left, hash: digestOf(step.get(left ? 'left' : 'right'), 'a step of the proof') };
}

function flagOf(value: JsonValue | undefined): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  throw new FormatError(code, 'is_signature_transaction is not a boolean');
}

function endorsementsOf(value: JsonValue | undefined): readonly string[] {
  if (value === undefined) return [];
  const items = jsonArray(value, 'service_endorsements', code);
  if (items.length <= endorsementsMax) {
    return items.map((item) => jsonText(item, 'a service endorsement', code));
  }
  const place = { actual: items.length, expected: endorsementsMax };
  throw new FormatError('TOO_LARGE', `${items.length} service endorsements`, place);
}
