import { CoreError, type StreamName } from '@vitrine/core';
import type { LogReading } from '@vitrine/core/log';
import { STATEMENT_TYPES } from '@vitrine/signer';
import { type Command, Option } from 'commander';
import { CliError } from './errors.ts';
import { printable } from './text.ts';

/** What tells streams of one name apart, among a command's options. */
export interface StreamOptions {
  readonly type?: string;
  readonly issuer?: string;
}

/** How a stream is named, for the help of commands. */
export const STREAM_ARGUMENT = 'the stream: tool/stable of a build, for instance, or the name of a database';

const STREAM_TYPES = STATEMENT_TYPES.filter((type) => type !== 'review' && type !== 'withdrawal');

/** What the options are for, in the help of a command. */
interface StreamOptionsHelp {
  readonly type: string;
  readonly issuer: string;
}

const CHOICE: StreamOptionsHelp = {
  type: 'the type of its statements, if several streams have the name',
  issuer: 'the key name of its issuer, if several streams have the name',
};

/** Adds `--type` and `--issuer` to a command, with what they are for. */
export function withStreamOptions(command: Command, { type, issuer }: StreamOptionsHelp = CHOICE): Command {
  return command.addOption(new Option('--type <type>', type).choices(STREAM_TYPES)).option('--issuer <name>', issuer);
}

/**
 * The stream that was named. Where type and issuer are given it need not be there; otherwise the log has exactly one that
 * fits.
 *
 * @param size of the tree that is asked
 * @throws CliError `usage` if several fit; CoreError as `Log.streams`
 */
export async function resolveStream(
  log: LogReading,
  stream: string,
  { type, issuer }: StreamOptions,
  size: number,
): Promise<StreamName | undefined> {
  if (type !== undefined && issuer !== undefined) return { type, issuer, stream };
  const found: StreamName[] = [];
  for await (const { stream: name } of log.streams(size)) {
    const fits = name.stream === stream && (type ?? name.type) === name.type && (issuer ?? name.issuer) === name.issuer;
    if (fits) found.push(name);
  }
  if (found.length <= 1) return found[0];
  throw new CliError(
    'usage',
    `several streams are named ${stream}: choose with --type and --issuer: ${found.map(display).join('; ')}`,
  );
}

/** What to throw where the log has no statement of the stream that was named. `hint` goes on from what it says. */
export function streamMissing(stream: string, { type, issuer }: StreamOptions, hint = ''): CoreError {
  const ofType = type === undefined ? '' : ` of type ${type}`;
  const byIssuer = issuer === undefined ? '' : ` by ${issuer}`;
  return new CoreError('stream-missing', `the log has no statement of a stream ${stream}${ofType}${byIssuer}${hint}`);
}

const display = ({ type, issuer }: StreamName): string => `${type} by ${printable(issuer)}`;
