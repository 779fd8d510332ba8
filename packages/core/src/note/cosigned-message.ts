import { CoreError } from '../error.ts';
import { HASH_SIZE } from '../tree/hash.ts';
import { encodeUtf8 } from './text.ts';
import { MAX_TIMESTAMP } from './timestamped-signature.ts';

/** What an ML-DSA-44 cosignature states. https://c2sp.org/tlog-cosignature#ml-dsa-44-signed-message */
export interface CosignedSubtree {
  /** 1 to 255 bytes of UTF-8. */
  readonly cosignerName: string;
  /** Seconds since the Epoch; 0 says nothing about time, and is the only value allowed if `start` is not 0. */
  readonly timestamp: bigint;
  /** 1 to 255 bytes of UTF-8. */
  readonly origin: string;
  /** First leaf of the subtree, 0 for a checkpoint. */
  readonly start: number;
  /** One more than the last leaf of the subtree: a checkpoint's size. */
  readonly end: number;
  /** The subtree's root hash, 32 bytes. */
  readonly root: Uint8Array;
}

const LABEL = 'subtree/v1\n\0';
const MAX_NAME_SIZE = 255;

const malformed = (message: string): CoreError => new CoreError('cosignature-malformed', message);

/** Whether the structure has room for `name`: 1 to 255 bytes of UTF-8. */
export function fitsCosignedMessage(name: string): boolean {
  return name !== '' && encodeUtf8(name).length <= MAX_NAME_SIZE;
}

/**
 * The message that an Ed25519 cosignature (0x04) signs: two lines and the whole text of the checkpoint, which is
 * given in UTF-8. https://c2sp.org/tlog-cosignature#ed25519-signed-message
 */
export function ed25519CosignedMessage(text: Uint8Array, timestamp: bigint): Uint8Array {
  const head = encodeUtf8(`cosignature/v1\ntime ${timestamp}\n`);
  const message = new Uint8Array(head.length + text.length);
  message.set(head);
  message.set(text, head.length);
  return message;
}

/**
 * The message that an ML-DSA-44 cosignature (0x06) signs. Extension lines of a checkpoint are not in it.
 * https://c2sp.org/tlog-cosignature#ml-dsa-44-signed-message
 *
 * @throws CoreError `cosignature-malformed` if the name or the origin has no room, `start` is above `end`, or a subtree
 * with a start has a time
 */
export function mlDsaCosignedMessage(subtree: CosignedSubtree): Uint8Array {
  const { cosignerName, timestamp, origin, start, end, root } = subtree;
  for (const name of [cosignerName, origin]) {
    if (!fitsCosignedMessage(name)) throw malformed(`a cosigner's name and an origin are 1 to ${MAX_NAME_SIZE} bytes`);
  }
  if (timestamp < 0n || timestamp > MAX_TIMESTAMP) throw malformed('a time is from 0 to 2^63 - 1');
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start > end) {
    throw malformed(`[${start}, ${end}) is not a range of leaves`);
  }
  if (start !== 0 && timestamp !== 0n)
    throw malformed('the cosignature of a subtree that does not start at 0 has no time');
  if (root.length !== HASH_SIZE) throw malformed(`a root hash is ${HASH_SIZE} bytes, found ${root.length}`);

  const name = encodeUtf8(cosignerName);
  const log = encodeUtf8(origin);
  const message = new Uint8Array(LABEL.length + 1 + name.length + 8 + 1 + log.length + 8 + 8 + HASH_SIZE);
  const view = new DataView(message.buffer);
  let at = 0;
  const putBytes = (bytes: Uint8Array): void => {
    message.set(bytes, at);
    at += bytes.length;
  };
  const putUint64 = (value: bigint): void => {
    view.setBigUint64(at, value);
    at += 8;
  };
  putBytes(encodeUtf8(LABEL));
  putBytes(Uint8Array.of(name.length));
  putBytes(name);
  putUint64(timestamp);
  putBytes(Uint8Array.of(log.length));
  putBytes(log);
  putUint64(BigInt(start));
  putUint64(BigInt(end));
  putBytes(root);
  return message;
}
