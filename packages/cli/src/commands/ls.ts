import { CoreError, type IndexEntry, indexEntryOf, leafHash } from '@vitrine/core';
import { STATEMENT_TYPES, type Statement, type StatementType, statementOf } from '@vitrine/signer';
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { entryJson, indexLine } from '../entry-view.ts';
import { interrupted } from '../errors.ts';
import { type LogOption, logPlace, openLog, withLogOption } from '../log-option.ts';
import { mentionsIn } from '../mentions.ts';
import { decimalArgument } from '../numbers.ts';
import { SHORT_HASH, shortHash, statementLine } from '../statement-view.ts';
import { count, cut, preview } from '../text.ts';

interface Filter {
  readonly type?: StatementType;
  readonly stream?: string;
  readonly issuer?: string;
}

interface Options extends LogOption, Filter {
  readonly from: number;
  readonly to?: number;
  readonly all?: boolean;
  readonly json?: boolean;
}

const DEFAULT_WIDTH = 100;
const MIN_PREVIEW = 20;

/** `vitrine ls` */
export function registerLs(program: Command, context: Context): void {
  withLogOption(program.command('ls'))
    .summary('list entries')
    .description(
      'List entries of a log: index, start of the leaf hash, size in bytes, and what a statement says, or what can be shown ' +
        'of another entry: a terminal gets as much as fits on a line. A log of statements has verified the signature of ' +
        'each before it took it; ls does not do it again.',
    )
    .option('--from <index>', 'the first entry', decimalArgument('--from'), 0)
    .option('--to <index>', 'list up to this entry and without it (default: all)', decimalArgument('--to'))
    .addOption(new Option('--type <type>', 'only statements of this type').choices(STATEMENT_TYPES))
    .option('--stream <stream>', 'only statements of this stream: acme-av/stable/linux-x64, for instance')
    .option('--issuer <name>', 'only statements by keys of this name')
    .option('--all', 'list the index entries too, with which a log of statements ends each commit')
    .option('--json', 'print one JSON object for each entry')
    .addHelpText(
      'after',
      '\nExamples:\n  $ vitrine ls --log ./log --from 100 --to 110\n' +
        '  $ vitrine ls --log ./log --type build --issuer acme.example\n',
    )
    .action((options: Options) => list(context, options));
}

async function list(context: Context, options: Options): Promise<void> {
  const { output, signal } = context;
  await using log = await openLog(await logPlace(context, options));
  if (options.to !== undefined && options.from > options.to) {
    throw new CoreError('log-range', `there is nothing from ${options.from} to ${options.to}`);
  }
  const to = Math.min(options.to ?? log.size, log.size);
  const from = Math.min(options.from, to);
  const indexWidth = String(Math.max(0, to - 1)).length;
  const fixed = indexWidth + 2 + SHORT_HASH + 2 + 5 + 2;
  // Programs get all of it.
  const columns = output.stdout.isTTY === true ? (output.stdout.columns ?? DEFAULT_WIDTH) : Number.POSITIVE_INFINITY;
  const width = Math.max(MIN_PREVIEW, columns - fixed);
  let index = from - 1;
  let shown = 0;
  for await (const entry of log.entries(from, to)) {
    if (signal.aborted) throw interrupted();
    if (output.closed) return;
    index++;
    const statement = statementOf(entry);
    if (!isWanted(statement, options)) continue;
    const indexEntry = statement === undefined ? indexEntryOf(entry) : undefined;
    if (indexEntry !== undefined && !options.all) continue;
    shown++;
    if (options.json) await output.json(entryJson(index, entry, statement));
    else {
      const hash = shortHash(leafHash(entry));
      const size = String(entry.length).padStart(5);
      const text =
        statement === undefined
          ? otherLine(entry, indexEntry, width)
          : cut(statementLine(statement, await mentionsIn(log, statement)), width);
      await output.text(`${String(index).padStart(indexWidth)}  ${hash}  ${size}  ${text}\n`);
    }
  }
  // A misspelt name looks like an empty list otherwise.
  const isFiltered = options.type !== undefined || options.stream !== undefined || options.issuer !== undefined;
  if (shown === 0 && isFiltered && !options.json)
    output.note(`none of ${count(to - from, 'entry', 'entries')} is such`);
}

/** What an entry that is no statement says, at most `width` wide. */
const otherLine = (entry: Uint8Array, indexEntry: IndexEntry | undefined, width: number): string =>
  indexEntry === undefined ? preview(entry, width) : cut(indexLine(indexEntry), width);

function isWanted(statement: Statement | undefined, { type, stream, issuer }: Filter): boolean {
  if (type !== undefined && statement?.payload.type !== type) return false;
  if (stream !== undefined && statement?.stream !== stream) return false;
  return issuer === undefined || statement?.issuer === issuer;
}
