import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { CoreError, formatBase64, MAX_ENTRY_SIZE } from '@vitrine/core';
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { entryLines } from '../entry-lines.ts';
import { CliError, fileError, interrupted } from '../errors.ts';
import { readAtMost } from '../files.ts';
import { describeLog, type LogOption, logPlace, logSigner, openLog, signerOf, withLogOption } from '../log-option.ts';
import { startProgress } from '../progress.ts';
import { checkName, isSumLine, sumEntry } from '../sum-line.ts';
import { count, printable } from '../text.ts';

interface Options extends LogOption {
  readonly key?: string;
  readonly raw?: boolean;
  readonly lines?: boolean;
  readonly ndjson?: boolean;
  readonly allowSumLines?: boolean;
  readonly json?: boolean;
}

/** Entries to append. */
interface Source {
  readonly entries: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** The file that each entry is, where that is so. */
  readonly files?: readonly string[];
}

interface InputFile {
  readonly path: string;
  /** In bytes; undefined where only reading tells. */
  readonly size: number | undefined;
}

/** `vitrine add` */
export function registerAdd(program: Command, context: Context): void {
  withLogOption(program.command('add'))
    .summary('append entries')
    .description(
      'Append entries to a log for arbitrary entries, and print the index and leaf hash of each once it is durable. Each file becomes one ' +
        'entry, the line that sha256sum prints of it.',
    )
    .argument('[files...]', 'the files; - is standard input, for --lines and --ndjson')
    .option('--key <file>', "the log's key (default: $VITRINE_KEY, or where init put it)")
    .option('--token-file <file>', 'the token that the log at a URL asks for (default: $VITRINE_TOKEN)')
    .addOption(new Option('--raw', 'append the bytes of each file').conflicts(['lines', 'ndjson']))
    .addOption(new Option('--lines', 'append each line of the files, as it is').conflicts('ndjson'))
    .option('--ndjson', 'as --lines, and refuse lines that are not JSON')
    .option('--allow-sum-lines', 'take bytes and lines that look like the entry of a file')
    .option('--json', 'print one JSON object for each entry')
    .addHelpText(
      'after',
      '\nExamples:\n  $ vitrine add --log ./log release-1.2.tar.gz\n  $ journalctl -o json | vitrine add --log ./log --ndjson -\n',
    )
    .action((files: string[], options: Options) => add(context, files, options));
}

async function add(context: Context, paths: readonly string[], options: Options): Promise<void> {
  const { output } = context;
  const byLine = options.lines === true || options.ndjson === true;
  if (paths.length === 0 && !byLine) {
    throw new CliError('usage', 'name the files to add, or read entries from standard input with --lines or --ndjson');
  }
  if (options.allowSumLines && !byLine && !options.raw) {
    throw new CliError('usage', '--allow-sum-lines goes with --raw, --lines and --ndjson');
  }
  const place = await logPlace(context, options);
  const description = await describeLog(place);
  if (description.kind === 'statements') {
    throw new CliError(
      'log-statements',
      `${description.origin} takes statements: use vitrine release, review or submit, or make another log with init --raw`,
    );
  }
  const files = await checkFiles(paths.length === 0 ? ['-'] : paths, options);
  const signer = await signerOf(place, ['--key', options.key], () => logSigner(context, description, options));
  // Files are hashed before the log is opened, so that it is not locked meanwhile.
  const source = byLine ? lineSource(context, files, options) : await fileSource(context, files, options);

  await using log = await openLog(place, signer);
  const before = log.size;
  let done = 0;
  let known = 0;
  for await (const batch of log.appendAll(source.entries)) {
    for (const { index, leafHash } of batch) {
      const file = source.files?.[done++];
      const isKnown = index < before;
      if (isKnown) known++;
      if (options.json)
        await output.json({
          index,
          leafHash: formatBase64(leafHash),
          ...(file !== undefined && { file }),
          known: isKnown,
        });
      else
        await output.text(`${index}  ${formatBase64(leafHash)}${file === undefined ? '' : `  ${printable(file)}`}\n`);
    }
    await output.flush();
  }
  if (known > 0 && !options.json) {
    output.note(`${count(known, 'entry', 'entries')} of these ${known === 1 ? 'was' : 'were'} in the log already`);
  }
}

/** Refuses what cannot be added, before anything is. */
async function checkFiles(paths: readonly string[], options: Options): Promise<InputFile[]> {
  const byLine = options.lines === true || options.ndjson === true;
  const files: InputFile[] = [];
  for (const path of paths) {
    if (path === '-') {
      if (!byLine) throw new CliError('usage', 'standard input (-) is read with --lines or --ndjson only');
      if (files.some((file) => file.path === '-')) throw new CliError('usage', 'standard input (-) is named twice');
      files.push({ path, size: undefined });
      continue;
    }
    if (!byLine && !options.raw) await checkName(basename(path), dirname(path));
    files.push(await checkFile(path, options, byLine));
  }
  return files;
}

async function checkFile(path: string, options: Options, byLine: boolean): Promise<InputFile> {
  const { raw } = options;
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new CliError('file-type', `${path} is a directory`);
    // Opening a pipe takes what it holds, so that one is left alone. Hashing one would log a name that means nothing.
    if (!found.isFile()) {
      if (byLine) return { path, size: undefined };
      throw new CliError('file-type', `${path} is not a regular file`);
    }
    if (raw && found.size === 0)
      throw new CoreError('entry-empty', `${path} is empty, and an entry has at least one byte`);
    if (raw && found.size > MAX_ENTRY_SIZE) throw tooLarge(path, found.size);
    if (raw) await readRaw(path, options);
    else await (await open(path, 'r')).close();
    return { path, size: found.size };
  } catch (error) {
    throw fileError(path, error);
  }
}

function tooLarge(path: string, size: number): CoreError {
  return new CoreError(
    'entry-too-large',
    `${path} has ${size} bytes, and an entry at most ${MAX_ENTRY_SIZE}: leave out --raw to log its hash`,
  );
}

async function fileSource(context: Context, files: readonly InputFile[], options: Options): Promise<Source> {
  const { signal } = context;
  const names = files.map(({ path }) => path);
  if (options.raw) return { entries: rawEntries(names, options, signal), files: names };
  const total = totalSize(files);
  const progress = startProgress(context, { label: 'hashing', unit: 'bytes', json: options.json });
  const entries: Uint8Array[] = [];
  let read = 0;
  const onRead = (bytes: number): void => {
    read += bytes;
    progress.update(read, total);
  };
  try {
    for (const path of names) entries.push(await sumEntry(path, { signal, onRead }));
  } finally {
    progress.stop();
  }
  return { entries, files: names };
}

async function* rawEntries(
  paths: readonly string[],
  options: Options,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (const path of paths) {
    if (signal.aborted) throw interrupted();
    // Again, because it may have changed.
    yield await readRaw(path, options);
  }
}

async function readRaw(path: string, options: Options): Promise<Uint8Array> {
  const entry = await readAtMost(path, MAX_ENTRY_SIZE);
  if (entry.length === 0) throw new CoreError('entry-empty', `${path} is empty`);
  if (entry.length > MAX_ENTRY_SIZE) throw new CoreError('entry-too-large', `${path} has grown too large for an entry`);
  return checkedForm(entry, path, options);
}

/** Whoever can make others log a line, or a file, must not make it look as if they had logged another file. */
function checkedForm(entry: Uint8Array, where: string, { allowSumLines }: Options): Uint8Array {
  if (allowSumLines || !isSumLine(entry)) return entry;
  throw new CliError(
    'entry-sum-line',
    `${where} looks like the entry of a file, and that file would verify as logged: --allow-sum-lines takes it all the same`,
  );
}

function lineSource(context: Context, files: readonly InputFile[], options: Options): Source {
  return { entries: allLines(context, files, options) };
}

async function* allLines(
  context: Context,
  files: readonly InputFile[],
  options: Options,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { ndjson, json } = options;
  // Where the results go to the terminal, they show well enough how far it is.
  const quiet = json === true || context.output.stdout.isTTY === true;
  const progress = startProgress(context, { label: 'reading', unit: 'bytes', json: quiet });
  const total = totalSize(files);
  let read = 0;
  async function* counted(stream: Readable): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of stream) {
      read += chunk.length;
      progress.update(read, total);
      yield chunk;
    }
  }
  try {
    for (const { path } of files) {
      const stream = path === '-' ? context.stdin : createReadStream(path);
      const chunks = counted(addAbortSignal(context.signal, stream));
      const name = path === '-' ? 'standard input' : path;
      try {
        let number = 0;
        for await (const line of entryLines({ name, chunks, json: ndjson === true })) {
          yield checkedForm(line, `${name}: line ${++number}`, options);
        }
      } catch (error) {
        throw fileError(path, error);
      }
    }
  } finally {
    progress.stop();
  }
}

function totalSize(files: readonly InputFile[]): number | undefined {
  if (files.some(({ size }) => size === undefined)) return undefined;
  return files.reduce((sum, { size }) => sum + size!, 0);
}
