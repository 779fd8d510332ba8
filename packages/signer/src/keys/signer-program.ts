import { type ChildProcess, spawn } from 'node:child_process';
import { type FileHandle, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatVkey, parseBase64, type VerifierKey } from '@vitrine/core';
import { SignerError } from '../error.ts';
import { type StatementSigner, verifiedSigner } from './statement-signer.ts';

const SIGNATURE_SIZE = 64;
/** Far more than a signature takes in any of its forms. */
const MAX_OUTPUT_SIZE = 1024;
// POSIX.1-2024, Shell Command Language, section 2.8.2.
const NOT_EXECUTABLE = 126;
const NOT_FOUND = 127;

const failed = (message: string, cause?: unknown): SignerError =>
  new SignerError('signer-failed', `the signer command ${message}`, { cause });

/** How the program is run. */
export interface ProgramSignerOptions {
  /** Gets what the program writes to its standard error, which goes to that of this process by default. */
  readonly onStderr?: (chunk: Uint8Array) => void;
  /** Ends the program. */
  readonly signal?: AbortSignal;
}

/**
 * Signs with a program: a command line for the shell (`sh -c`, on Windows cmd.exe), run once for each signature. Its
 * standard input is a temporary file with the bytes, which is gone when it has ended. It prints the signature, 64 bytes, as
 * they are or in hex or base64. docs/formats.md has the rest.
 *
 * `sign` throws SignerError `signer-failed`, with the reason.
 *
 * @throws CoreError `key-type` for a key that is not of type 0x01; `key-malformed`
 */
export function programSigner(vkey: VerifierKey, command: string, options: ProgramSignerOptions = {}): StatementSigner {
  const key = formatVkey(vkey);
  return verifiedSigner(vkey, {
    sign: async (message) => parseSignature(await runProgram(command, message, options), key),
    name: 'the signer command',
    code: 'signer-failed',
  });
}

const toStderr = (chunk: Uint8Array): void => void process.stderr.write(chunk);

/** What a program prints that gets these bytes and ends with exit status 0. */
async function runProgram(command: string, input: Uint8Array, options: ProgramSignerOptions): Promise<Buffer> {
  options.signal?.throwIfAborted();
  // Node's pipes are sockets on some systems, which no program can open as /dev/stdin, and some programs need a size.
  await using directory = await temporaryDirectory();
  await using file = await fileWith(join(directory.path, 'to-be-signed'), input);
  return await runOn(file, command, options);
}

async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'vitrine-sign-')).catch(notGiven);
  return {
    path,
    // What it holds is no secret, and no reason to lose a signature or to hide another error.
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }).catch(() => {}),
  };
}

/** A new file with these bytes, open to be read. */
async function fileWith(path: string, content: Uint8Array): Promise<FileHandle> {
  return await writeFile(path, content, { mode: 0o600, flag: 'wx' })
    .then(() => open(path))
    .catch(notGiven);
}

function notGiven(cause: Error): never {
  throw failed(`could not be given a temporary file with what to sign: ${cause.message}`, cause);
}

/** What a program prints that has this file as its standard input and ends with exit status 0. */
function runOn(
  file: FileHandle,
  command: string,
  { onStderr = toStderr, signal }: ProgramSignerOptions,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const child = spawn(command, { shell: true, stdio: [file.fd, 'pipe', 'pipe'] });
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (act: () => void): void => {
      signal?.removeEventListener('abort', abort);
      act();
    };
    const stop = (reason: unknown): void => {
      end(child);
      settle(() => reject(reason));
    };
    const abort = (): void => stop(signal?.reason);
    signal?.addEventListener('abort', abort);
    child.on('error', (cause) => settle(() => reject(failed(`could not be run: ${cause.message}`, cause))));
    child.on('close', (status, killedBy) => {
      settle(() => {
        if (status === 0) resolve(Buffer.concat(chunks));
        else reject(failed(describeEnd(status, killedBy)));
      });
    });
    child.stdout!.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_OUTPUT_SIZE) stop(failed(`printed more than ${MAX_OUTPUT_SIZE} bytes, and a signature has 64`));
    });
    child.stderr!.on('data', onStderr);
  });
}

/** Ends the shell, and waits for nobody: what it started may live on, and holds the pipes then. */
function end(child: ChildProcess): void {
  child.kill();
  for (const stream of child.stdio) stream?.destroy();
}

function describeEnd(status: number | null, killedBy: NodeJS.Signals | null): string {
  if (status === null) return `was ended by ${killedBy}`;
  const text = `failed with exit status ${status}`;
  if (status === NOT_FOUND) return `${text}: the shell found no such program`;
  return status === NOT_EXECUTABLE ? `${text}: the shell could not run the program` : text;
}

/** @throws SignerError `signer-failed` */
function parseSignature(output: Buffer, key: string): Uint8Array {
  if (output.length === SIGNATURE_SIZE) return output;
  if (output.length === 0) throw failed('printed nothing');
  // Programs that print base64 break its lines after 64 or 76 characters.
  const text = output.toString('latin1').replace(/\r?\n/g, '');
  const signature = /^[0-9A-Fa-f]{128}$/.test(text) ? Buffer.from(text, 'hex') : readBase64(text);
  if (signature?.length === SIGNATURE_SIZE) return signature;
  throw failed(
    `printed ${output.length} bytes that are no signature by the key ${key}: 64 bytes are expected, or their base64 or hex`,
  );
}

function readBase64(text: string): Uint8Array | undefined {
  try {
    return parseBase64(text, 'the signature');
  } catch {
    // Whoever asked says what is wrong.
    return undefined;
  }
}
