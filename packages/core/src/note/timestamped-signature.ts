import { CoreError } from '../error.ts';

/** What a cosignature's signature line holds after the key ID. https://c2sp.org/tlog-cosignature#format */
export interface TimestampedSignature {
  /** Seconds since the Epoch, at most 2^63 - 1; all 64 bits are signed. */
  readonly timestamp: bigint;
  readonly signature: Uint8Array;
}

/** https://c2sp.org/tlog-cosignature#format */
export const MAX_TIMESTAMP: bigint = (1n << 63n) - 1n;

const TIMESTAMP_SIZE = 8;

/**
 * Reads a big-endian 64-bit timestamp and a signature of any length.
 *
 * @throws CoreError `cosignature-malformed`
 */
export function parseTimestampedSignature(bytes: Uint8Array): TimestampedSignature {
  if (bytes.length <= TIMESTAMP_SIZE) {
    throw new CoreError(
      'cosignature-malformed',
      `a cosignature has more than ${TIMESTAMP_SIZE} bytes, found ${bytes.length}`,
    );
  }
  const timestamp = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0);
  if (timestamp > MAX_TIMESTAMP) {
    throw new CoreError('cosignature-malformed', `a cosignature's time is at most 2^63 - 1, found ${timestamp}`);
  }
  return { timestamp, signature: new Uint8Array(bytes.subarray(TIMESTAMP_SIZE)) };
}

/**
 * Writes a timestamped signature.
 *
 * @throws CoreError `cosignature-malformed` if {@link parseTimestampedSignature} would refuse it
 */
export function formatTimestampedSignature({ timestamp, signature }: TimestampedSignature): Uint8Array {
  if (timestamp < 0n || timestamp > MAX_TIMESTAMP) {
    throw new CoreError('cosignature-malformed', `a cosignature's time is from 0 to 2^63 - 1, found ${timestamp}`);
  }
  if (signature.length === 0) throw new CoreError('cosignature-malformed', 'the signature is empty');
  const bytes = new Uint8Array(TIMESTAMP_SIZE + signature.length);
  new DataView(bytes.buffer).setBigUint64(0, timestamp);
  bytes.set(signature, TIMESTAMP_SIZE);
  return bytes;
}
