import { type ChildProcess, spawn } from 'node:child_process';
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
 * Signs with a program: a command line for the shell (`sh -c`, on Windows cmd.exe), run once for each signature. It gets
 * the bytes on standard input and prints the signature, 64 bytes, as they are or in hex or base64. docs/formats.md has
 * the rest.
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

/** What a program prints that ends with exit status 0. */
function runProgram(
  command: string,
  input: Uint8Array,
  { onStderr = toStderr, signal }: ProgramSignerOptions,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const child = spawn(command, { shell: true, stdio: 'pipe' });
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
    child.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_OUTPUT_SIZE) stop(failed(`printed more than ${MAX_OUTPUT_SIZE} bytes, and a signature has 64`));
    });
    child.stderr.on('data', onStderr);
    // It may have known what to sign, or not want it. What it prints, and its exit status, tell.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
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
