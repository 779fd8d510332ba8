import { type CborValue, CoreError, decodeCbor } from '@vitrine/core';
import { SignerError, type SignerErrorCode } from '../error.ts';

/** Where in a structure something stands: a refusal names it. */
export class Place {
  readonly #code: SignerErrorCode;
  readonly #path: string;

  /**
   * @param code that refusals have
   * @param path names the place in their messages
   */
  constructor(code: SignerErrorCode, path: string) {
    this.#code = code;
    this.#path = path;
  }

  /** The field or element of this place that has this name. */
  in(name: string): Place {
    return new Place(this.#code, `${this.#path}.${name}`);
  }

  /** The error to throw: `why` goes on from the name of the place. */
  refuse(why: string, cause?: unknown): SignerError {
    return new SignerError(this.#code, `${this.#path} ${why}`, { cause });
  }

  /** Decodes deterministic CBOR, the only encoding that is accepted. */
  decode(bytes: Uint8Array): CborValue {
    try {
      return decodeCbor(bytes, this.#path);
    } catch (error) {
      if (error instanceof CoreError) throw new SignerError(this.#code, error.message, { cause: error });
      throw error;
    }
  }
}
