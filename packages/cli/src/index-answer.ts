import {
  CoreError,
  formatBase64,
  formatIndexProof,
  formatTlogProof,
  type IndexInclusion,
  type IndexProof,
  leafHash,
  ProofError,
} from '@vitrine/core';
import type { LogCheckpoint, LogReading } from '@vitrine/core/log';
import { statementOf } from '@vitrine/signer';
import type { Command } from 'commander';
import type { Context } from './context.ts';
import { type EntryJson, entryJson } from './entry-view.ts';
import { CliError, interrupted } from './errors.ts';
import { chooseCheckpoint } from './log-checkpoints.ts';
import { type LogOption, logPlace, openLog, withLogOption } from './log-option.ts';
import { mentionsIn } from './mentions.ts';
import { deliver } from './proof-file.ts';
import { readAhead } from './read-ahead.ts';
import { type OutOptions, withOutOptions } from './result-file.ts';
import { statementLine } from './statement-view.ts';

/** What the commands that ask a log's index have among their options. */
export interface IndexOptions extends LogOption, OutOptions {
  readonly prove?: boolean;
  readonly cosigned?: boolean;
  readonly json?: boolean;
}

/** Adds the options of {@link IndexOptions} to a command. */
export function withIndexOptions(command: Command): Command {
  return withOutOptions(withLogOption(command))
    .option('--prove', 'write a proof, which vitrine verify checks without the log')
    .option('--cosigned', 'ask the newest checkpoint that a witness has cosigned, rather than the newest')
    .option('--json', 'print JSON: an object for each result, or of the proof');
}

/** Opens a log to ask its index as a checkpoint has it, and hands both to `ask`. */
export async function askIndex(
  context: Context,
  options: IndexOptions,
  ask: (log: LogReading, checkpoint: LogCheckpoint) => Promise<void>,
): Promise<void> {
  if (!options.prove && (options.out !== undefined || options.force)) {
    throw new CliError('usage', '--out and --force go with --prove');
  }
  await using log = await openLog(await logPlace(context, options));
  // A mirror says itself what it keeps.
  if (!log.description.indexed && !log.description.mirror) {
    throw new CoreError('log-index', `${log.origin} has no index: vitrine ls reads all of its entries`);
  }
  await ask(log, chooseCheckpoint(log, options));
}

/** Statements that are read at a time: each may take a request of its own. */
const AT_ONCE = 8;

/** Where statements are that are looked for. */
type Indices = AsyncIterable<{ readonly index: number }> | Iterable<{ readonly index: number }>;

/** The entries at these indices, in their order. @throws CoreError as `LogReading.entry` */
export async function readEntries(log: LogReading, indices: Indices): Promise<Uint8Array[]> {
  const entries: Uint8Array[] = [];
  for await (const entry of readAhead(indices, AT_ONCE, ({ index }) => log.entry(index))) entries.push(entry);
  return entries;
}

/**
 * Prints the entries at these indices, statements, each on a line.
 *
 * @throws CliError `interrupted`; what reading the log throws
 */
export async function printEntries(
  { output, signal }: Context,
  log: LogReading,
  indices: Indices,
  json: boolean | undefined,
): Promise<void> {
  const read = async ({ index }: { readonly index: number }): Promise<EntryJson | string> => {
    const entry = await log.entry(index);
    const statement = statementOf(entry);
    if (json) return entryJson(index, entry, statement);
    const line = statement === undefined ? '' : statementLine(statement, await mentionsIn(log, statement));
    return `${index}  ${formatBase64(leafHash(entry))}  ${line}\n`;
  };
  for await (const shown of readAhead(indices, AT_ONCE, read)) {
    if (signal.aborted) throw interrupted();
    if (output.closed) return;
    await (typeof shown === 'string' ? output.text(shown) : output.json(shown));
  }
}

/** An index proof to be written. */
export interface IndexDelivery {
  readonly log: LogReading;
  readonly checkpoint: LogCheckpoint;
  readonly index: IndexInclusion;
  readonly proof: IndexProof;
  /** For people: what the file proves. */
  readonly what: string;
}

/**
 * Writes an index proof, in a tlog-proof of the index entry.
 *
 * @throws CliError `usage` for one that is too large; what `writeResult` throws
 */
export async function deliverIndexProof(
  context: Context,
  { log, checkpoint, index, proof, what }: IndexDelivery,
  options: IndexOptions,
): Promise<void> {
  const extra = formatted(proof);
  const bytes = formatTlogProof({ extra, index: index.size - 1, proof: index.proof, checkpoint: checkpoint.note });
  const json = {
    proves: proof.type,
    index: index.size - 1,
    indexRoot: formatBase64(index.indexRoot),
    proof: index.proof.map(formatBase64),
    extra: formatBase64(extra),
  };
  await deliver(context, bytes, { log, checkpoint, options, json, what });
}

function formatted(proof: IndexProof): Uint8Array {
  try {
    return formatIndexProof(proof);
  } catch (error) {
    if (!(error instanceof ProofError)) throw error;
    const hint =
      proof.type === 'stream' ? 'prove a part of it, with --from' : 'the log has more than one proof can have';
    throw new CliError('usage', `the proof would be too large: ${hint}`, { cause: error });
  }
}
