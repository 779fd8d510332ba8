import { compareBytes } from '../bytes/compare.ts';
import { equalBytes } from '../bytes/equal.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../cbor/cbor.ts';
import { CoreError } from '../error.ts';
import type { HttpClient } from './http-client.ts';

/** Keys that are asked for at a time; a server takes up to 1,024. */
const MAX_KEYS = 512;
/** Bytes of one answer. */
const MAX_ANSWER_SIZE = 16 * 1024 * 1024;
const CBOR = 'application/cbor';

type Pair = readonly [key: Uint8Array, value: Uint8Array];

/** What a server says of a log's derived keys. Nobody has verified it. */
export class HttpDerived {
  readonly #client: HttpClient;

  constructor(client: HttpClient) {
    this.#client = client;
  }

  /** The values of keys; undefined if the server does not answer about any. @throws CoreError `fetch-failed` */
  async read(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[] | undefined> {
    const parts = Array.from({ length: Math.ceil(keys.length / MAX_KEYS) }, (_, i) =>
      this.#part(keys.slice(i * MAX_KEYS, (i + 1) * MAX_KEYS)),
    );
    const values: (Uint8Array | undefined)[] = [];
    for (const part of await Promise.all(parts)) {
      if (part === undefined) return undefined;
      values.push(...part);
    }
    return values;
  }

  async #part(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[] | undefined> {
    const path = 'derived';
    const values: (Uint8Array | undefined)[] = [];
    // An answer can be about the first of the keys only, if their values are large.
    while (values.length < keys.length) {
      const body = encodeCbor(keys.slice(values.length));
      const answer = await this.#client.post({ path, limit: MAX_ANSWER_SIZE, type: CBOR, body, again: true });
      if (answer === undefined) return undefined;
      const found = readList(answer, isValue, path);
      if (found.length === 0 || values.length + found.length > keys.length) throw malformed(path);
      for (const value of found) values.push(value ?? undefined);
    }
    return values;
  }

  /** All pairs below a prefix, in the order of their keys; one undefined if the server does not answer. @throws CoreError `fetch-failed` */
  async *list(prefix: Uint8Array, after?: Uint8Array): AsyncGenerator<Pair | undefined, void, undefined> {
    let last = after;
    for (;;) {
      const path = `derived/${hex(prefix)}${last === undefined ? '' : `?after=${hex(last)}`}`;
      const answer = await this.#client.get({ path, limit: MAX_ANSWER_SIZE });
      if (answer === undefined) return yield undefined;
      const pairs = readList(answer, isPair, path);
      if (pairs.length === 0) return;
      for (const pair of pairs) {
        const [key] = pair;
        const isInOrder =
          equalBytes(key.subarray(0, prefix.length), prefix) && (last === undefined || compareBytes(key, last) > 0);
        // Or they would never end.
        if (!isInOrder) throw malformed(path);
        last = key;
        yield pair;
      }
    }
  }
}

function readList<T extends CborValue>(
  bytes: Uint8Array,
  isItem: (value: CborValue) => value is T,
  what: string,
): readonly T[] {
  let value: CborValue;
  try {
    value = decodeCbor(bytes, what);
  } catch (cause) {
    throw malformed(what, cause);
  }
  if (!Array.isArray(value) || !value.every(isItem)) throw malformed(what);
  return value;
}

const isValue = (value: CborValue): value is Uint8Array | null => value === null || value instanceof Uint8Array;
const isPair = (value: CborValue): value is Pair =>
  Array.isArray(value) && value.length === 2 && value.every((part) => part instanceof Uint8Array);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const malformed = (what: string, cause?: unknown): CoreError =>
  new CoreError('fetch-failed', `what the server answers about ${what} cannot be read`, { cause });
