import { PassThrough, Writable } from 'node:stream';
import type { Context } from '../../src/context.ts';
import { Output, type OutputStream } from '../../src/output.ts';
import type { Terminal } from '../../src/terminal.ts';

/** What a test can decide of a context. */
export interface ContextOptions {
  readonly env?: Record<string, string>;
  /** Whether both outputs are terminals. */
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly terminal?: Terminal;
  readonly configDirectory?: string;
  readonly signal?: AbortSignal;
}

/** A context for running commands inside the test's own process, and what they printed. */
export interface TestContext {
  readonly context: Context;
  stdout(): string;
  stderr(): string;
}

/** A context that is not a process. */
export function testContext(options: ContextOptions = {}): TestContext {
  const { env = {}, isTTY = false, columns = 80, terminal, configDirectory = '/nonexistent' } = options;
  const sink = (): { stream: OutputStream; text: () => string } => {
    const chunks: Buffer[] = [];
    const stream = new Writable({
      write: (chunk, _, done) => {
        chunks.push(Buffer.from(chunk));
        done();
      },
    });
    return { stream: Object.assign(stream, { isTTY, columns }), text: () => Buffer.concat(chunks).toString() };
  };
  const [stdout, stderr] = [sink(), sink()];
  const context: Context = {
    stdin: new PassThrough().end(),
    output: new Output(stdout.stream, stderr.stream),
    env,
    signal: options.signal ?? new AbortController().signal,
    now: () => 1_700_000_000,
    random: (size) => new Uint8Array(size).fill(7),
    terminal: () => terminal,
    configDirectory: async () => configDirectory,
  };
  return { context, stdout: stdout.text, stderr: stderr.text };
}
