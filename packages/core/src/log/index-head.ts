import { decodeCbor, encodeCbor } from '../cbor/cbor.ts';
import { CoreError } from '../error.ts';

/** Which head the stored index belongs to, and how far back it can be read. */
export interface IndexHead {
  /** The version of the newest index entry: its leaf index. */
  readonly version: number;
  /** What this version and earlier ones replaced is gone. Versions from this one on can be read. */
  readonly collected: number;
}

/** As a derived value. */
export function encodeIndexHead({ version, collected }: IndexHead): Uint8Array {
  return encodeCbor([version, collected]);
}

/** @throws CoreError `log-corrupt` */
export function decodeIndexHead(value: Uint8Array): IndexHead {
  let cbor: unknown;
  try {
    cbor = decodeCbor(value, 'the head of the index');
  } catch (cause) {
    throw damagedHead(cause);
  }
  const [version, collected] = Array.isArray(cbor) ? cbor : [];
  if (!Number.isSafeInteger(version) || !Number.isSafeInteger(collected)) throw damagedHead();
  return { version, collected };
}

const damagedHead = (cause?: unknown): CoreError =>
  new CoreError('log-corrupt', 'the head of the index is damaged: derive the index again with reindex', { cause });
