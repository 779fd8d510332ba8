import { randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { sha256 } from '@vitrine/core';
import { writeFileDurably } from '@vitrine/core/log';
import { ServerError } from './error.ts';

/** Who may append to a raw log. */
interface TokenHash {
  readonly name: string;
  /** SHA-256 of the token. */
  readonly hash: Uint8Array;
}

const LINE = /^([A-Za-z0-9._-]{1,64}) ([0-9a-f]{64})$/;
const NAME = /^[A-Za-z0-9._-]{1,64}$/;
const TOKEN_SIZE = 32;
const TOKEN_PREFIX = 'vitrine_';
const MAX_FILE_SIZE = 1024 * 1024;
const FILE_MODE = 0o600;
/** Milliseconds between two looks at whether the file has changed. */
const CHECK_INTERVAL = 500;

/** Tokens in a file: a line for each, its name and the SHA-256 of the token. Nobody can tell the tokens from that. */
export class TokenFile {
  readonly path: string;
  readonly #onFailure: ((error: unknown) => void) | undefined;
  #isReadable = true;
  #tokens: readonly TokenHash[] = [];
  #version: string | undefined;
  #looked = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;

  private constructor(path: string, onFailure: ((error: unknown) => void) | undefined) {
    this.path = path;
    this.#onFailure = onFailure;
  }

  /**
   * @param onFailure told when the file cannot be read any more, once until it can be again
   * @throws ServerError `tokens-malformed`; the system's error
   */
  static async open(path: string, onFailure?: (error: unknown) => void): Promise<TokenFile> {
    const file = new TokenFile(path, onFailure);
    await file.#look();
    return file;
  }

  /**
   * The name of a token; undefined if it is none of those in the file. A file that was changed is read again within a second;
   * one that cannot be read leaves nobody a token.
   */
  async nameOf(token: string): Promise<string | undefined> {
    if (performance.now() - this.#looked > CHECK_INTERVAL) {
      this.#looking ??= this.#look()
        .then(
          () => {
            this.#isReadable = true;
          },
          (error: unknown) => {
            this.#tokens = [];
            this.#version = undefined;
            if (this.#isReadable) this.#onFailure?.(error);
            this.#isReadable = false;
          },
        )
        .finally(() => {
          this.#looking = undefined;
        });
      await this.#looking;
    }
    const hash = hashOf(token);
    let found: string | undefined;
    // All of them, so that the time tells nothing of which one it is.
    for (const { name, hash: expected } of this.#tokens) if (timingSafeEqual(expected, hash)) found = name;
    return found;
  }

  async #look(): Promise<void> {
    const began = performance.now();
    try {
      const { mtimeMs, size, ino } = await stat(this.path);
      const version = `${mtimeMs} ${size} ${ino}`;
      if (version === this.#version) return;
      this.#tokens = await readTokens(this.path);
      this.#version = version;
    } finally {
      this.#looked = began;
    }
  }
}

/**
 * Makes a new token, and adds it to a file, which is made if it is not there. No other process may change the file meanwhile.
 *
 * @throws ServerError `token-exists`, `tokens-malformed`
 */
export async function addToken(path: string, name: string): Promise<string> {
  if (!NAME.test(name)) throw new ServerError('tokens-malformed', 'a name is 1 to 64 letters, digits and . _ -');
  const tokens = await readTokens(path, { missing: true });
  if (tokens.some((token) => token.name === name)) {
    throw new ServerError('token-exists', `${path} has a token named ${name} already: remove it first`);
  }
  const token = `${TOKEN_PREFIX}${randomBytes(TOKEN_SIZE).toString('base64url')}`;
  await writeTokens(path, [...tokens, { name, hash: hashOf(token) }]);
  return token;
}

/** Takes a token out of a file, which no other process may change meanwhile. @throws ServerError `token-unknown`, `tokens-malformed` */
export async function removeToken(path: string, name: string): Promise<void> {
  const tokens = await readTokens(path);
  const rest = tokens.filter((token) => token.name !== name);
  if (rest.length === tokens.length) throw new ServerError('token-unknown', `${path} has no token named ${name}`);
  await writeTokens(path, rest);
}

/** The names of the tokens in a file. @throws ServerError `tokens-malformed` */
export async function listTokens(path: string): Promise<string[]> {
  return (await readTokens(path)).map(({ name }) => name);
}

async function readTokens(path: string, { missing = false } = {}): Promise<TokenHash[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (missing && (error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  if (text.length > MAX_FILE_SIZE) throw malformed(path, `has more than ${MAX_FILE_SIZE} bytes`);
  const tokens: TokenHash[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    if (line === '') continue;
    const [, name, hex] = LINE.exec(line) ?? [];
    if (name === undefined) throw malformed(path, `line ${i + 1} is no name and SHA-256`);
    if (tokens.some((token) => token.name === name)) throw malformed(path, `line ${i + 1} has the name ${name} again`);
    tokens.push({ name, hash: new Uint8Array(Buffer.from(hex!, 'hex')) });
  }
  return tokens;
}

async function writeTokens(path: string, tokens: readonly TokenHash[]): Promise<void> {
  const lines = tokens.map(({ name, hash }) => `${name} ${Buffer.from(hash).toString('hex')}\n`);
  await writeFileDurably(path, new TextEncoder().encode(lines.join('')), { mode: FILE_MODE, replace: true });
}

function hashOf(token: string): Uint8Array {
  return sha256(new TextEncoder().encode(token));
}

function malformed(path: string, what: string): ServerError {
  return new ServerError('tokens-malformed', `${path} ${what}`);
}
