import { lstat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CoreError, formatBase64, leafHash } from '@vitrine/core';
import type { LogDescription } from '@vitrine/core/log';
import { type Payload, parseStatement, signStatement } from '@vitrine/signer';
import type { Command } from 'commander';
import type { Context } from './context.ts';
import { CliError } from './errors.ts';
import {
  describeLog,
  type LogKeyOption,
  type LogOption,
  type LogPlace,
  logKeySigner,
  logPlace,
  signerOf,
  withLogKeyOption,
  withLogOption,
} from './log-option.ts';
import { checkOrigin } from './origin.ts';
import { outFile, writeResult } from './result-file.ts';
import { type SignerOptions, statementSigner, withSignerOptions } from './signer-option.ts';
import { type AppendTarget, appendStatements } from './statement-log.ts';
import { statementJson, statementLine } from './statement-view.ts';

/** What {@link withIssueOptions} leaves among a command's options. */
export interface IssueOptions extends LogOption, LogKeyOption, SignerOptions {
  readonly offline?: boolean;
  readonly origin?: string;
  readonly out?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** Adds the options of every command that signs a statement and logs it. */
export function withIssueOptions(command: Command): Command {
  return withLogKeyOption(withSignerOptions(withLogOption(command.optionsGroup('Signing and logging:'))))
    .option('--offline', 'sign only, and write the statement to --out: submit logs it')
    .option('--origin <origin>', 'with --offline: the log that it is meant for, if that is not at hand')
    .option('-o, --out <file>', 'with --offline: the file to write; - is standard output')
    .option('--force', 'with --offline: replace the file if it is there')
    .option('--json', 'print one JSON object');
}

/** Who is about to say something, and to which log. */
export interface Issuer {
  readonly keyName: string;
  /** The log's origin. */
  readonly audience: string;
  /** Says something on standard error once the statement is logged or written; nothing with `--json`. */
  note(message: string): void;
  /** Tells people at once what they may want to stop for: nothing is signed yet. */
  warn(message: string): void;
}

/**
 * Refuses options that do not go together, and what is known to fail later. {@link issue} does it too, first of all; whoever
 * works long before that calls it before.
 *
 * @returns the origin of the log that a statement is meant for, as {@link audienceOf}
 * @throws CliError `usage`, `file-exists`; what `audienceOf` throws
 */
export async function checkIssueOptions(context: Context, options: IssueOptions): Promise<string> {
  const { offline, out, force, origin, json, logKey } = options;
  if (offline) {
    if (logKey !== undefined) throw new CliError('usage', '--offline does not log, and needs no --log-key');
    if (out === undefined) throw new CliError('usage', 'name the file that --offline writes with --out');
    if (out === '-' && json) throw new CliError('usage', '--json and --out - both want standard output');
    if (out !== '-' && !force && (await isThere(out))) {
      throw new CliError('file-exists', `${out} is there already: use --force to replace it`);
    }
  } else {
    const [stray] = Object.entries({ out, force, origin }).find(([, value]) => value !== undefined) ?? [];
    if (stray !== undefined) throw new CliError('usage', `--${stray} goes with --offline`);
  }
  return audienceOf(context, options);
}

/**
 * Refuses a file that a command writes before the request of `--offline`, which would be written over it.
 *
 * @param what names the file in the error
 * @throws CliError `usage`
 */
export function checkNotOut({ out }: IssueOptions, path: string | undefined, what: string): void {
  if (out === undefined || path === undefined || resolve(out) !== resolve(path)) return;
  throw new CliError('usage', `--out and ${what} are both ${path}`);
}

async function isThere(path: string): Promise<boolean> {
  // Whatever else is wrong with it, writing says.
  return (await lstat(path).catch(() => undefined)) !== undefined;
}

/**
 * The origin of the log that a statement is meant for: that of the log, or with `--offline` what `--origin` says.
 *
 * @throws CliError `usage` if neither is named; CoreError `log-admission` for a log of arbitrary entries; what `describeLog`
 * throws
 */
export async function audienceOf(context: Context, options: IssueOptions): Promise<string> {
  const { offline, origin } = options;
  if (!offline || origin === undefined) return (await statementLog(context, options)).description.origin;
  checkOrigin(origin);
  return origin;
}

/**
 * Signs a statement and logs it; or writes it to the file of `--out`, with `--offline`. Nothing is written or appended if
 * anything fails.
 *
 * @param payload what it says, or what finds that out: that is called once there is a key to sign with
 * @returns the statement
 * @throws what {@link checkIssueOptions}, `statementSigner`, `logKeySigner` and `appendStatements` throw; SignerError
 * `statement-malformed`, and what signing fails with
 */
export async function issue(
  context: Context,
  payload: Payload | ((issuer: Issuer) => Promise<Payload>),
  options: IssueOptions,
): Promise<Uint8Array> {
  const audience = await checkIssueOptions(context, options);
  const signer = await statementSigner(context, options);
  const target = options.offline ? undefined : await appendTarget(context, options);
  const { keyName } = signer;
  const notes: string[] = [];
  const issuer: Issuer = {
    keyName,
    audience,
    note: (message) => void notes.push(message),
    warn: (message) => options.json || context.output.note(message),
  };
  const content = typeof payload === 'function' ? await payload(issuer) : payload;
  const { publicKey } = signer.vkey;
  const entry = await signStatement(content, { signer, publicKey, audience, issuedAt: context.now() });
  if (target === undefined) await writeRequest(context, entry, options);
  else await appendStatements(context, [{ entry, statement: parseStatement(entry) }], target);
  if (!options.json) for (const note of notes) context.output.note(note);
  return entry;
}

/**
 * The log that the user named, and its key.
 *
 * @throws CoreError `log-admission` for one of arbitrary entries; what `logPlace`, `describeLog` and `logKeySigner` throw
 */
export async function appendTarget(
  context: Context,
  options: LogOption & LogKeyOption & { readonly json?: boolean },
): Promise<AppendTarget> {
  const { place, description } = await statementLog(context, options);
  const signer = await signerOf(place, ['--log-key', options.logKey], () =>
    logKeySigner(context, description, options),
  );
  return { place, signer, json: options.json };
}

/** A log that judges statements. */
export interface StatementLog {
  readonly place: LogPlace;
  readonly description: LogDescription;
}

/** The log of statements that the user named. @throws CoreError `log-mirror`; `log-admission` for one of arbitrary entries; as {@link appendTarget} */
export async function statementLog(context: Context, options: LogOption): Promise<StatementLog> {
  const place = await logPlace(context, options);
  const description = await describeLog(place);
  if (description.mirror) {
    throw new CoreError(
      'log-mirror',
      `this is a mirror of ${description.origin}: only the log itself can be appended to`,
    );
  }
  if (description.kind === 'statements') return { place, description };
  const message = `the log ${description.origin} takes arbitrary entries, and nobody judges statements there`;
  throw new CoreError('log-admission', message);
}

async function writeRequest(context: Context, entry: Uint8Array, options: IssueOptions): Promise<void> {
  const { output } = context;
  await writeResult(context, entry, options);
  const file = outFile(options);
  if (file === undefined) return;
  const statement = parseStatement(entry);
  const hash = formatBase64(leafHash(entry));
  if (options.json) return output.json({ leafHash: hash, file, statement: statementJson(statement) });
  await output.text(`${hash}  ${statementLine(statement)}\n`);
  output.note(`wrote ${file}, which is not logged yet: vitrine submit ${file} --log <the log ${statement.audience}>`);
}
