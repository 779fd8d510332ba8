const UINT32_SIZE = 4;

/** An unsigned 32-bit integer. RFC 4251, section 5. */
export function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(UINT32_SIZE);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** A `string`: its length and its bytes. RFC 4251, section 5. */
export function sshString(content: Uint8Array | string): Uint8Array {
  const bytes = Buffer.from(content);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

/** Reads values of RFC 4251, section 5, one after the other. Nothing is copied. */
export class SshReader {
  readonly #bytes: Uint8Array;
  readonly #malformed: (message: string) => Error;
  #at = 0;

  /** @param malformed makes the error that is thrown if the bytes end too early, or too late */
  constructor(bytes: Uint8Array, malformed: (message: string) => Error) {
    this.#bytes = bytes;
    this.#malformed = malformed;
  }

  byte(): number {
    return this.#take(1)[0]!;
  }

  uint32(): number {
    const bytes = this.#take(UINT32_SIZE);
    return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  }

  string(): Uint8Array {
    return this.#take(this.uint32());
  }

  /** A string of ASCII, or one that equals no name that is. */
  name(): string {
    return Buffer.from(this.string()).toString('latin1');
  }

  /** Nothing is left. */
  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw this.#malformed(`${left} bytes too many`);
  }

  #take(size: number): Uint8Array {
    const left = this.#bytes.length - this.#at;
    if (size > left) throw this.#malformed(`${size} bytes expected, ${left} left`);
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }
}
