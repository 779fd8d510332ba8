import { type CborMap, type CborValue, decodeCbor } from '../cbor/cbor.ts';
import { CoreError } from '../error.ts';

/** Makes the error of a format out of what is wrong. */
export type Refuse = (message: string, cause?: unknown) => Error;

/** Where in a structure something stands: a refusal names it. */
export class Place {
  readonly #refuse: Refuse;
  readonly #path: string;

  /** @param path names the place in the messages of refusals */
  constructor(refuse: Refuse, path: string) {
    this.#refuse = refuse;
    this.#path = path;
  }

  /** The field or element of this place that has this name. */
  in(name: string): Place {
    return new Place(this.#refuse, `${this.#path}.${name}`);
  }

  /** The error to throw: `why` goes on from the name of the place. */
  refuse(why: string, cause?: unknown): Error {
    return this.#refuse(`${this.#path} ${why}`, cause);
  }

  /** Decodes deterministic CBOR, the only encoding that is accepted. */
  decode(bytes: Uint8Array): CborValue {
    try {
      return decodeCbor(bytes, this.#path);
    } catch (error) {
      if (error instanceof CoreError) throw this.#refuse(error.message, error);
      throw error;
    }
  }

  /** As {@link decode}, of what has to be a map. */
  decodeMap(bytes: Uint8Array): CborMap {
    const cbor = this.decode(bytes);
    if (cbor instanceof Map) return cbor;
    throw this.refuse('is not a map');
  }
}
