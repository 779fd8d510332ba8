import type { Readable } from 'node:stream';
import type { Output } from './output.ts';
import type { Terminal } from './terminal.ts';

/** Everything outside the process that a command can touch, other than files. */
export interface Context {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly output: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted when the user wants to stop. */
  readonly signal: AbortSignal;
  /** Seconds since the Epoch. */
  now(): number;
  /** Fresh random bytes. */
  random(size: number): Uint8Array;
  /** Where the person sits, if there is one. */
  terminal(): Terminal | undefined;
  /** The user's configuration directory for this program. */
  configDirectory(): Promise<string>;
}

/** The value of an environment variable; an empty one is none. */
export function variable({ env }: Context, name: string): string | undefined {
  return env[name] || undefined;
}
