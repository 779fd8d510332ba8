import { CoreError } from '../error.ts';
import { isSubtree } from '../tree/interval.ts';
import { mlDsaCosignedMessage } from './cosigned-message.ts';
import type { Cosigner } from './cosigner.ts';
import { formatKeyType, KEY_TYPE_ML_DSA_44_COSIGNATURE } from './key-type.ts';
import type { NoteSignature } from './signature-line.ts';
import { type SchemeOptions, schemeOf } from './signature-scheme.ts';
import { formatTimestampedSignature, parseTimestampedSignature } from './timestamped-signature.ts';
import { formatKeyId, type VerifierKey } from './vkey.ts';

/** The leaves `[start, end)` of a log, and their root hash. */
export interface Subtree {
  readonly origin: string;
  readonly start: number;
  readonly end: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

function check({ start, end }: Subtree, key: VerifierKey): void {
  if (key.type !== KEY_TYPE_ML_DSA_44_COSIGNATURE) {
    throw new CoreError('key-type', `only keys of type 0x06 cosign subtrees, found type ${formatKeyType(key.type)}`);
  }
  if (!isSubtree({ start, end })) throw new CoreError('cosignature-malformed', `[${start}, ${end}) is not a subtree`);
}

/**
 * Cosigns a subtree, without a time. Whoever cosigns states that it is consistent with all that it has seen of this log:
 * make sure first. https://c2sp.org/tlog-witness#sign-subtree
 *
 * @throws CoreError `key-type` for keys of other types than 0x06; `cosignature-malformed` if the range is no subtree, or
 * a name is too long
 */
export async function cosignSubtree(subtree: Subtree, cosigner: Cosigner): Promise<NoteSignature> {
  const { keyName, keyId } = cosigner.vkey;
  check(subtree, cosigner.vkey);
  const message = mlDsaCosignedMessage({ ...subtree, cosignerName: keyName, timestamp: 0n });
  const signature = formatTimestampedSignature({ timestamp: 0n, signature: await cosigner.sign(message) });
  return { keyName, keyId, signature };
}

/**
 * Checks that `line` is a cosignature of a subtree by `key`, of type 0x06. Needs `schemes`. Returns its time in seconds
 * since the Epoch, 0 for none; a subtree that does not start at 0 never has one.
 * https://c2sp.org/tlog-cosignature#ml-dsa-44-signed-message
 *
 * @throws CoreError `key-type`; `cosignature-malformed`; `note-unsigned` if the line is by another key; `note-signature` if
 * the signature is not valid
 */
export function verifySubtreeCosignature(
  subtree: Subtree,
  line: NoteSignature,
  key: VerifierKey,
  options: SchemeOptions = {},
): number {
  check(subtree, key);
  const scheme = schemeOf(key.type, options);
  const expected = `${key.keyName} ${formatKeyId(key.keyId)}`;
  if (line.keyName !== key.keyName || line.keyId !== key.keyId) {
    throw new CoreError('note-unsigned', `expected a cosignature by ${expected}, found another key's`);
  }
  const { timestamp, signature } = parseTimestampedSignature(line.signature);
  const message = mlDsaCosignedMessage({ ...subtree, cosignerName: key.keyName, timestamp });
  if (!scheme.verify(key.publicKey, message, signature)) {
    throw new CoreError('note-signature', `the cosignature of the subtree by ${expected} is not valid`);
  }
  return Number(timestamp);
}
