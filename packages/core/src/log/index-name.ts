import { type CborValue, decodeCbor } from '../cbor/cbor.ts';
import { CoreError } from '../error.ts';
import type { StreamName } from '../log-index/stream.ts';

/** The stream or the subject that a key of the index's tree is the hash of. @throws CoreError `log-corrupt` */
export function parseIndexName(preimage: Uint8Array): StreamName | Uint8Array {
  let name: CborValue;
  try {
    name = decodeCbor(preimage, 'the name of a key');
  } catch (cause) {
    throw damaged(cause);
  }
  const [kind, ...parts] = Array.isArray(name) ? name : [];
  const [first, issuer, stream] = parts;
  if (kind === 'subject' && parts.length === 1 && first instanceof Uint8Array) return first;
  const isStream =
    kind === 'stream' &&
    parts.length === 3 &&
    typeof first === 'string' &&
    typeof issuer === 'string' &&
    typeof stream === 'string';
  if (isStream) return { type: first, issuer, stream };
  throw damaged();
}

const damaged = (cause?: unknown): CoreError =>
  new CoreError('log-corrupt', 'the index has a name that is none: derive it again with reindex', { cause });
