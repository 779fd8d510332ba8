import type { Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { fileError } from './errors.ts';
import { jsonLine, printable, visible } from './text.ts';

/** A stream that may be a terminal. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

const FLUSH_SIZE = 64 * 1024;

/**
 * Where a command's words go: results to standard output, everything else to standard error. A terminal gets nothing that
 * it could act on, other than newlines and tabs; files and pipes get results byte for byte.
 *
 * A reader that goes away, as `head` does, is no failure: what follows is dropped, and `closed` tells commands that only
 * print to stop.
 */
export class Output {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  #pending = '';
  #closed = false;

  constructor(stdout: OutputStream, stderr: OutputStream) {
    this.stdout = stdout;
    this.stderr = stderr;
    // Without a listener the process would die of what `write` reports anyway.
    stdout.on('error', () => {});
    stderr.on('error', () => {});
  }

  /** Nobody reads standard output any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Text of a result. It may be kept until {@link flush}. */
  async text(text: string): Promise<void> {
    await this.#append(this.#isTerminal ? printable(text, { multiline: true }) : text);
  }

  /** One object of a result, on a line of its own. */
  async json(value: unknown): Promise<void> {
    await this.#append(jsonLine(value));
  }

  /** Bytes of a result, as they are. */
  async bytes(bytes: Uint8Array): Promise<void> {
    await this.flush();
    await this.#write(this.#isTerminal ? visible(bytes) : bytes);
  }

  /** Hands all text to standard output. */
  async flush(): Promise<void> {
    const text = this.#pending;
    this.#pending = '';
    if (text === '') return;
    await this.#write(text);
    // A file takes it within this turn of the event loop, and a signal needs another one to be heard.
    await setImmediate();
  }

  /** One object about a failure, on a line of standard error. */
  jsonNote(value: unknown): void {
    this.stderr.write(jsonLine(value));
  }

  /** One line about what happens, on standard error, whatever is in the message. */
  note(message: string): void {
    this.trace(`vitrine: ${printable(message)}`);
  }

  /** Lines for whoever looks for a fault, on standard error. */
  trace(text: string): void {
    this.stderr.write(`${printable(text, { multiline: true })}\n`);
  }

  get #isTerminal(): boolean {
    return this.stdout.isTTY === true;
  }

  async #append(text: string): Promise<void> {
    this.#pending += text;
    if (this.#pending.length >= FLUSH_SIZE) await this.flush();
  }

  async #write(chunk: string | Uint8Array): Promise<void> {
    if (this.#closed) return;
    await new Promise<void>((resolve, reject) => {
      this.stdout.write(chunk, (error) => {
        const code = (error as NodeJS.ErrnoException | null | undefined)?.code;
        if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED') this.#closed = true;
        else if (error) reject(fileError('standard output', error));
        resolve();
      });
    });
  }
}
