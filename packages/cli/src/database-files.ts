import { readdir, stat } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import type { RecordFormat, RecordSetSummary } from '@vitrine/signer';
import type { RecordSet } from '@vitrine/signer/node';
import type { Context } from './context.ts';
import { CliError, fileError } from './errors.ts';
import { type InputFile, inputFile } from './hashed-file.ts';
import { startProgress } from './progress.ts';
import { checkName } from './sum-line.ts';

/** What `--records`, `--comment` and `--skip-blank` leave among a command's options. */
export interface RecordOptions {
  readonly records?: RecordFormat['reader'] | 'none';
  readonly comment?: string;
  readonly skipBlank?: boolean;
}

/** A database as it is in the file system. */
export interface DatabaseFiles {
  readonly path: string;
  readonly isDirectory: boolean;
  /** Its files, under the names that the statement has. */
  readonly files: readonly InputFile[];
}

/** The records of a database, and how many of them were there more than once. */
export interface CountedRecords {
  readonly summary: RecordSetSummary;
  readonly duplicates: number;
}

const CVD_EXTENSIONS: ReadonlySet<string> = new Set(['.cvd', '.cud', '.cld']);

/**
 * The files of a database: one file, or all files below a directory under their paths in it.
 *
 * @throws CliError with `file-` codes; `usage` for a directory without files
 */
export async function databaseFiles(path: string): Promise<DatabaseFiles> {
  try {
    if (!(await stat(path)).isDirectory()) return { path, isDirectory: false, files: [await inputFile(path)] };
    const files: InputFile[] = [];
    for (const entry of await readdir(path, { withFileTypes: true, recursive: true })) {
      if (entry.isDirectory()) continue;
      const at = join(entry.parentPath, entry.name);
      if (!entry.isFile())
        throw new CliError('file-type', `${at} is not a regular file, and a database has only those`);
      await checkName(entry.name, entry.parentPath);
      files.push({ path: at, name: relative(path, at).split(sep).join('/') });
    }
    if (files.length === 0) throw new CliError('usage', `the directory ${path} has no files`);
    return { path, isDirectory: true, files };
  } catch (error) {
    throw fileError(path, error);
  }
}

/**
 * How the records of a database are read: as the options say, by default those of a ClamAV container or the lines.
 *
 * @returns undefined if they are not read at all
 * @throws CliError `usage`
 */
export function recordFormat({ path, isDirectory }: DatabaseFiles, options: RecordOptions): RecordFormat | undefined {
  const { comment, skipBlank } = options;
  const isContainer = !isDirectory && CVD_EXTENSIONS.has(extname(path).toLowerCase());
  const reader = options.records ?? (isContainer ? 'cvd' : 'lines');
  if (reader === 'cvd' && isDirectory)
    throw new CliError('usage', `--records cvd reads a file, and ${path} is a directory`);
  if (reader !== 'none') {
    return { reader, ...(comment !== undefined && { comment }), ...(skipBlank && { skipBlank: true }) };
  }
  if (comment !== undefined || skipBlank) {
    throw new CliError('usage', '--comment and --skip-blank say how records are read, and --records none reads none');
  }
  return undefined;
}

/**
 * Reads the records of a database, with a progress bar.
 *
 * @throws CliError with `file-` codes; SignerError `records-malformed`
 */
export async function readRecordSet(
  context: Context,
  { path }: DatabaseFiles,
  { format, json }: { readonly format: RecordFormat; readonly json?: boolean | undefined },
): Promise<RecordSet> {
  const { RecordSet, readRecords } = await import('@vitrine/signer/node');
  const progress = startProgress(context, { label: 'reading', unit: 'records', json });
  let done = 0;
  async function* counted(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const record of readRecords(path, format)) {
      if (++done % 1024 === 0) {
        context.signal.throwIfAborted();
        progress.update(done);
      }
      yield record;
    }
  }
  try {
    return await RecordSet.from(counted());
  } catch (error) {
    throw fileError(path, error);
  } finally {
    progress.stop();
  }
}

/** Reads the records of a database, and computes what a statement says of them. @throws as {@link readRecordSet} */
export async function countRecords(
  context: Context,
  database: DatabaseFiles,
  options: { readonly format: RecordFormat; readonly json?: boolean | undefined },
): Promise<CountedRecords> {
  const { root, count, duplicates } = await readRecordSet(context, database, options);
  return { summary: { root, count, format: options.format }, duplicates };
}
