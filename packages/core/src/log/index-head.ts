import { decodeCbor, encodeCbor } from '../cbor/cbor.ts';
import { CoreError } from '../error.ts';
import { INDEX_HEAD_KEY } from './index-keys.ts';
import type { Store } from './store.ts';

/** Which head the stored index belongs to, and how far back it can be read. */
export interface IndexHead {
  /** The version of the newest index entry: its leaf index. */
  readonly version: number;
  /** What this version and earlier ones replaced is gone. Versions from this one on can be read. */
  readonly collected: number;
}

/** With the root that the newest index entry has. */
export interface OpenedIndexHead extends IndexHead {
  readonly root: Uint8Array;
}

/** The stored head; undefined if the index has none. @throws CoreError `log-corrupt` */
export async function readIndexHead(store: Store): Promise<IndexHead | undefined> {
  const [value] = await store.readDerived([INDEX_HEAD_KEY]);
  return value && decodeIndexHead(value);
}

/** As a derived value. */
export function encodeIndexHead({ version, collected }: IndexHead): Uint8Array {
  return encodeCbor([version, collected]);
}

function decodeIndexHead(value: Uint8Array): IndexHead {
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
