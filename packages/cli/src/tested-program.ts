import { type ChildProcess, spawn } from 'node:child_process';
import { formatDuration } from '@vitrine/verifier';
import { type Answer, asAnswer } from './conformance-answer.ts';
import { CliError, interrupted } from './errors.ts';
import { cut, decodeUtf8, preview } from './text.ts';

/** What came of a question to a program: its answer, or why there is none. */
export type Reply = { readonly answer: Answer } | { readonly problem: string };

/** Most that a program may print as its answer, in bytes. */
const MAX_ANSWER_SIZE = 1 << 20;

// Enough to tell what went wrong.
const KEPT_STDERR = 4096;
const MAX_SHOWN = 100;

/**
 * Runs a program once, with a value as JSON on its standard input. One that takes too long or prints too much is killed, with
 * all that it started.
 *
 * @param options.timeout in seconds
 * @throws CliError `verifier-failed` if it cannot be started; `interrupted`
 */
export function ask(
  [program, ...args]: readonly [string, ...string[]],
  question: object,
  { timeout, signal }: { readonly timeout: number; readonly signal: AbortSignal },
): Promise<Reply> {
  if (signal.aborted) return Promise.reject(interrupted());
  // A group of its own can be killed whole.
  const child = spawn(program, args, { stdio: 'pipe', detached: process.platform !== 'win32' });
  return new Promise<Reply>((resolve, reject) => {
    const printed: Buffer[] = [];
    let size = 0;
    let errors = '';
    const stop = (reply: () => void): void => {
      kill(child);
      // Whatever it left behind may hold them open for ever.
      child.stdout.destroy();
      child.stderr.destroy();
      finish(reply);
    };
    const onAbort = (): void => stop(() => reject(interrupted()));
    const timer = setTimeout(
      () => stop(() => resolve({ problem: `gave no answer within ${formatDuration(timeout)}` })),
      timeout * 1000,
    );
    const finish = (reply: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      reply();
    };
    signal.addEventListener('abort', onAbort);
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_ANSWER_SIZE) stop(() => resolve({ problem: `printed more than ${MAX_ANSWER_SIZE} bytes` }));
      else printed.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors = `${errors}${chunk.toString('latin1')}`.slice(-KEPT_STDERR);
    });
    // It may end before it has read everything.
    child.stdin.on('error', () => {});
    child.stdin.end(JSON.stringify(question));
    child.on('error', (cause) => {
      finish(() =>
        reject(new CliError('verifier-failed', `${program} cannot be started: ${cause.message}`, { cause })),
      );
    });
    child.on('close', (status, signalName) => {
      finish(() => resolve(replyOf(Buffer.concat(printed), { status, signalName, errors })));
    });
  });
}

interface End {
  readonly status: number | null;
  readonly signalName: NodeJS.Signals | null;
  readonly errors: string;
}

function replyOf(printed: Uint8Array, { status, signalName, errors }: End): Reply {
  if (status !== 0) {
    const last = cut(errors.trimEnd().split('\n').at(-1)!, MAX_SHOWN);
    const end = signalName === null ? `ended with exit status ${status}` : `was ended by ${signalName}`;
    return { problem: last === '' ? end : `${end}: ${last}` };
  }
  const answer = asAnswer(json(printed));
  return answer === undefined ? { problem: `printed no answer: ${preview(printed, MAX_SHOWN)}` } : { answer };
}

function json(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes) ?? '');
  } catch {
    // What is no JSON is no answer.
    return undefined;
  }
}

function kill(child: ChildProcess): void {
  if (process.platform === 'win32') {
    child.kill('SIGKILL');
    return;
  }
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch (error) {
    // It has ended by itself in the meantime.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
