import { closeSync, openSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { CliError, interrupted } from './errors.ts';
import type { OutputStream } from './output.ts';
import { printable } from './text.ts';

/** A person at a keyboard. */
export interface Terminal {
  /** Asks, and reads a line that is not shown. */
  askSecret(prompt: string): Promise<string>;
  /** Asks, and reads a line that is shown. */
  ask(prompt: string): Promise<string>;
}

/**
 * The terminal that the process runs in. Standard input may be a pipe with entries, so the controlling terminal is asked
 * then.
 *
 * @returns undefined if there is none
 */
export function openTerminal(stdin: ReadStream | NodeJS.ReadStream, stderr: OutputStream): Terminal | undefined {
  if (stdin.isTTY) {
    return {
      askSecret: (prompt) => readLine(stdin, stderr, prompt, { echo: false }),
      ask: (prompt) => readLine(stdin, stderr, prompt, { echo: true }),
    };
  }
  let fd: number;
  try {
    fd = openSync('/dev/tty', 'r+');
  } catch {
    // Whoever asked says what to do without a terminal.
    return undefined;
  }
  closeSync(fd);
  const atTerminal = async (prompt: string, options: { readonly echo: boolean }): Promise<string> => {
    const input = new ReadStream(openSync('/dev/tty', 'r+'));
    try {
      return await readLine(input, stderr, prompt, options);
    } finally {
      input.destroy();
    }
  };
  return {
    askSecret: (prompt) => atTerminal(prompt, { echo: false }),
    ask: (prompt) => atTerminal(prompt, { echo: true }),
  };
}

const BACKSPACE = new Set(['\b', '\u007f']);
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const ENDS = new Set(['\r', '\n', CTRL_C, CTRL_D]);
const CTRL_U = '\u0015';
const ERASE = '\b \b';

function readLine(
  input: ReadStream | NodeJS.ReadStream,
  stderr: OutputStream,
  prompt: string,
  { echo }: { readonly echo: boolean },
): Promise<string> {
  stderr.write(prompt);
  input.setEncoding('utf8');
  input.setRawMode(true);
  input.resume();
  return new Promise((resolve, reject) => {
    let typed: string[] = [];
    const finish = (then: () => void): void => {
      input.off('data', read);
      input.setRawMode(false);
      input.pause();
      stderr.write('\n');
      then();
    };
    const read = (data: string): void => {
      for (const character of data) {
        if (ENDS.has(character)) {
          finish(() => settle(character, typed.join('')));
          return;
        }
        const before = typed.length;
        if (character === CTRL_U) typed = [];
        else if (BACKSPACE.has(character)) typed.pop();
        else typed.push(character);
        if (echo) stderr.write(typed.length > before ? printable(character) : ERASE.repeat(before - typed.length));
      }
    };
    const settle = (end: string, text: string): void => {
      if (end === CTRL_C) reject(interrupted());
      else if (end === CTRL_D) reject(noAnswer(echo));
      else resolve(text);
    };
    input.on('data', read);
  });
}

function noAnswer(echo: boolean): CliError {
  return echo
    ? new CliError('not-confirmed', 'no answer was given')
    : new CliError('passphrase-missing', 'no passphrase was given');
}
