import { CoreError, decodeCbor, encodeCbor, type StreamName, sha256 } from '@vitrine/core';
import type { LogView } from '@vitrine/core/log';

// All that an admission keeps: which leaf to look at. What a statement says is read from the statement, so there is no copy
// of it that could differ, and every pointer can be derived from the entries again. docs/formats.md lists them.

const KEY = 0x6b;
const KEY_ID = 0x69;
const ADMISSION = 0x70;
const STREAM = 0x73;
const WITHDRAWN = 0x77;

/** Leads to the admission statement that last added or removed this key. */
export function keyPointer(keyName: string, keyId: number): Uint8Array {
  return pointer(KEY, sha256(encodeCbor([keyName, keyId])));
}

/** Leads to the admission statement that last added a key with this ID, whatever its name. */
export function keyIdPointer(keyId: number): Uint8Array {
  return pointer(KEY_ID, encodeCbor(keyId));
}

/** Leads to the admission statement before the one at leaf `before`; without that to the newest. */
export function admissionPointer(before?: number): Uint8Array {
  return pointer(ADMISSION, before === undefined ? new Uint8Array() : encodeCbor(before));
}

/** Leads to the newest statement of a stream. */
export function streamPointer({ type, issuer, stream }: StreamName): Uint8Array {
  return pointer(STREAM, sha256(encodeCbor(['stream', type, issuer, stream])));
}

/** Leads to the newest withdrawal of a release of a stream that had this content. */
export function withdrawnPointer({ type, issuer, stream }: StreamName, content: Uint8Array): Uint8Array {
  return pointer(WITHDRAWN, sha256(encodeCbor(['withdrawn', type, issuer, stream, content])));
}

function pointer(kind: number, rest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + rest.length);
  bytes[0] = kind;
  bytes.set(rest, 1);
  return bytes;
}

/** A leaf index as the value of a pointer. */
export const leafIndex = (index: number): Uint8Array => encodeCbor(index);

/**
 * The leaf that a pointer leads to, if it is there.
 *
 * @throws CoreError `log-corrupt` if it leads to none
 */
export async function follow(log: LogView, key: Uint8Array): Promise<number | undefined> {
  const value = await log.derived(key);
  if (value === undefined) return undefined;
  let index: unknown;
  try {
    index = decodeCbor(value, 'a pointer');
  } catch (cause) {
    throw damaged('is not a leaf index', cause);
  }
  if (typeof index !== 'number' || !(index >= 0 && index < log.size))
    throw damaged('is not the index of a leaf of the log');
  return index;
}

/** The error for a pointer that does not lead to what it should. */
export function damaged(what: string, cause?: unknown): CoreError {
  return new CoreError('log-corrupt', `a pointer of the admission ${what}: check the log with fsck`, { cause });
}
