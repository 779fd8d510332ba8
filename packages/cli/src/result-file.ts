import type { Command } from 'commander';
import type { Context } from './context.ts';
import { CliError } from './errors.ts';
import { writeNewFile } from './files.ts';

/** What `--out` and `--force` leave among a command's options. */
export interface OutOptions {
  readonly out?: string;
  readonly force?: boolean;
}

/** Adds `--out` and `--force` to a command. */
export function withOutOptions(command: Command): Command {
  return command
    .option('-o, --out <file>', 'write to this file (default: standard output)')
    .option('--force', 'replace the file if it is there');
}

/** The file that `--out` names; undefined for standard output. */
export function outFile({ out }: OutOptions): string | undefined {
  return out === '-' ? undefined : out;
}

/**
 * Writes a result to the file that `--out` names, or to standard output.
 *
 * @throws CliError `file-exists` without `--force`; `file-missing`, `file-io`
 */
export async function writeResult({ output }: Context, bytes: Uint8Array, options: OutOptions): Promise<void> {
  const path = outFile(options);
  if (path === undefined) return output.bytes(bytes);
  try {
    await writeNewFile(path, bytes, { replace: options.force === true });
  } catch (error) {
    if (error instanceof CliError && error.code === 'file-exists') {
      throw new CliError('file-exists', `${path} is there already: use --force to replace it`, { cause: error });
    }
    throw error;
  }
}
