import { CoreError, type CoreErrorCode } from '@vitrine/core';
import type { HttpProblem } from '@vitrine/core/log';
import type { ServerError, ServerErrorCode } from '@vitrine/server';
import { SignerError, type SignerErrorCode } from '@vitrine/signer';
import { Refusal, type RefusalCode } from '@vitrine/verifier';
import type { WitnessError, WitnessErrorCode } from '@vitrine/witness';
import { printable } from './text.ts';

/**
 * Why the command itself refused something. Codes are stable and documented in docs/errors.md; messages are for people
 * and may change.
 */
export type CliErrorCode =
  | 'usage'
  | 'log-url'
  | 'log-statements'
  | 'file-missing'
  | 'file-exists'
  | 'file-type'
  | 'file-name'
  | 'file-io'
  | 'entry-sum-line'
  | 'line-blank'
  | 'line-json'
  | 'key-missing'
  | 'key-exists'
  | 'passphrase-missing'
  | 'passphrase-wrong'
  | 'entry-missing'
  | 'checkpoint-missing'
  | 'bundle-pending'
  | 'source-differs'
  | 'artifact-differs'
  | 'records-differ'
  | 'rebuild-differs'
  | 'normalizer-failed'
  | 'state-locked'
  | 'witness-conflict'
  | 'witness-differs'
  | 'witness-pending'
  | 'conformance-failed'
  | 'corpus-malformed'
  | 'corpus-newer'
  | 'verifier-failed'
  | 'not-confirmed'
  | 'interrupted'
  | 'unexpected';

/** The one error class of the command. */
export class CliError extends Error {
  override readonly name: string = 'CliError';
  readonly code: CliErrorCode;

  constructor(code: CliErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** A code that this program can fail with. */
export type FailureCode =
  | CoreErrorCode
  | SignerErrorCode
  | RefusalCode
  | ServerErrorCode
  | WitnessErrorCode
  | CliErrorCode;

/** Done. */
export const EXIT_DONE = 0;
/** Something that was checked is not what it has to be. */
const REFUSED = 1;
/** The command was not used as it can be: another command line, or other input, helps. */
const WRONG_USE = 2;
/** It could not be done here and now. */
const COULD_NOT = 3;
/** What a shell reports of a program that SIGINT ended. */
const INTERRUPTED = 130;

/**
 * The exit status of each code. Three questions decide, in this order. Did a check say no, be it of a signature, a proof,
 * a policy or the stored log? 1: do not go on with what was checked. Would another command line or other input have
 * helped? 2. Is it the machine, a file or another process? 3: the same command can succeed later.
 */
export const EXIT_STATUS: Readonly<Record<FailureCode, number>> = {
  'proof-range': REFUSED,
  'proof-length': REFUSED,
  'proof-mismatch': REFUSED,
  'proof-malformed': REFUSED,
  'note-malformed': REFUSED,
  'note-too-large': REFUSED,
  'note-unsigned': REFUSED,
  'note-signature': REFUSED,
  'checkpoint-malformed': REFUSED,
  'checkpoint-origin': REFUSED,
  'checkpoint-older': REFUSED,
  'checkpoint-root': REFUSED,
  'cosignature-malformed': REFUSED,
  // A policy that was tampered with often no longer parses, and nothing may pass under it.
  'policy-malformed': REFUSED,
  'policy-log': REFUSED,
  'policy-quorum': REFUSED,
  'tile-malformed': REFUSED,
  'tile-missing': REFUSED,
  'tile-mismatch': REFUSED,
  'bundle-malformed': REFUSED,
  'log-corrupt': REFUSED,
  'index-false': REFUSED,
  'store-corrupt': REFUSED,
  'entry-missing': REFUSED,
  'statement-malformed': REFUSED,
  'statement-key': REFUSED,
  'statement-signature': REFUSED,
  'admission-audience': REFUSED,
  'admission-key': REFUSED,
  'admission-role': REFUSED,
  'admission-sequence': REFUSED,
  'admission-subject': REFUSED,
  'admission-issuer': REFUSED,
  'admission-withdrawn': REFUSED,
  'statement-proof-malformed': REFUSED,
  'statement-proof-mismatch': REFUSED,
  'source-differs': REFUSED,
  'artifact-differs': REFUSED,
  'records-differ': REFUSED,
  'rebuild-differs': REFUSED,
  'manifest-malformed': REFUSED,
  'stream-missing': REFUSED,
  'trust-malformed': REFUSED,
  'trust-expired': REFUSED,
  'trust-serial': REFUSED,
  'bundle-unreadable': REFUSED,
  'receipt-malformed': REFUSED,
  'receipt-unwitnessed': REFUSED,
  'receipt-log': REFUSED,
  'receipt-wrong': REFUSED,
  'receipt-other': REFUSED,
  'checkpoint-log': REFUSED,
  'checkpoint-unsigned': REFUSED,
  'checkpoint-signature': REFUSED,
  'checkpoint-witnesses': REFUSED,
  'inclusion-wrong': REFUSED,
  'statement-unreadable': REFUSED,
  'statement-forged': REFUSED,
  'statement-audience': REFUSED,
  'statement-type': REFUSED,
  'signer-unknown': REFUSED,
  'signer-ended': REFUSED,
  'signer-other': REFUSED,
  'stream-other': REFUSED,
  'artifact-unknown': REFUSED,
  'manifest-other': REFUSED,
  'no-rule': REFUSED,
  'log-other': REFUSED,
  'index-wrong': REFUSED,
  'index-unchecked': REFUSED,
  withdrawn: REFUSED,
  'source-other': REFUSED,
  'source-unknown': REFUSED,
  'review-missing': REFUSED,
  'review-invalid': REFUSED,
  rejected: REFUSED,
  'source-unreviewed': REFUSED,
  unreviewed: REFUSED,
  unreproduced: REFUSED,
  superseded: REFUSED,
  'artifact-other': REFUSED,
  'size-other': REFUSED,
  'release-expired': REFUSED,
  'too-old': REFUSED,
  'state-malformed': REFUSED,
  clock: REFUSED,
  fork: REFUSED,
  rollback: REFUSED,
  stale: REFUSED,
  'conformance-failed': REFUSED,
  'witness-differs': REFUSED,
  'witness-signature': REFUSED,
  'witness-proof': REFUSED,
  'witness-refused': REFUSED,
  'witness-answer': REFUSED,
  'evidence-malformed': REFUSED,
  'log-behind': REFUSED,
  'state-corrupt': REFUSED,
  'mirror-fork': REFUSED,
  'mirror-refused': REFUSED,
  'mirror-signature': REFUSED,

  usage: WRONG_USE,
  'number-malformed': WRONG_USE,
  'base64-malformed': WRONG_USE,
  'cbor-malformed': REFUSED,
  'key-malformed': WRONG_USE,
  'key-type': WRONG_USE,
  'key-exists': WRONG_USE,
  'log-key': WRONG_USE,
  'log-admission': WRONG_USE,
  'log-index': WRONG_USE,
  'log-mirror': WRONG_USE,
  'log-range': WRONG_USE,
  'log-read-only': WRONG_USE,
  'log-static': WRONG_USE,
  'log-url': WRONG_USE,
  'log-statements': WRONG_USE,
  'entry-empty': WRONG_USE,
  'entry-too-large': WRONG_USE,
  'entry-reserved': WRONG_USE,
  'entry-sum-line': WRONG_USE,
  'line-blank': WRONG_USE,
  'line-json': WRONG_USE,
  'file-name': WRONG_USE,
  'file-exists': WRONG_USE,
  'store-exists': WRONG_USE,
  'passphrase-missing': WRONG_USE,
  'passphrase-wrong': WRONG_USE,
  'checkpoint-missing': WRONG_USE,
  'stream-present': WRONG_USE,
  'source-unrepresentable': WRONG_USE,
  'source-missing': WRONG_USE,
  'records-malformed': WRONG_USE,
  'agent-key': WRONG_USE,
  'witness-conflict': WRONG_USE,
  'corpus-malformed': WRONG_USE,
  'not-confirmed': WRONG_USE,
  'witness-request': WRONG_USE,
  'witness-log': WRONG_USE,
  'witness-too-large': WRONG_USE,
  'witness-key': WRONG_USE,
  'mirror-key': WRONG_USE,
  'address-malformed': WRONG_USE,
  'http-encoding': WRONG_USE,
  'http-malformed': WRONG_USE,
  'http-method': WRONG_USE,
  'http-not-found': WRONG_USE,
  'http-too-large': WRONG_USE,
  'manifest-missing': WRONG_USE,
  'tls-malformed': WRONG_USE,
  'token-exists': WRONG_USE,
  'token-missing': WRONG_USE,
  'token-unknown': WRONG_USE,
  'tokens-malformed': WRONG_USE,

  'file-missing': COULD_NOT,
  'file-type': COULD_NOT,
  'file-io': COULD_NOT,
  'key-missing': COULD_NOT,
  'log-closed': COULD_NOT,
  'log-failed': COULD_NOT,
  'fetch-failed': COULD_NOT,
  'store-missing': COULD_NOT,
  'store-foreign': COULD_NOT,
  'store-newer': COULD_NOT,
  'store-locked': COULD_NOT,
  'store-conflict': COULD_NOT,
  'store-io': COULD_NOT,
  'store-closed': COULD_NOT,
  'statement-newer': COULD_NOT,
  'source-changed': COULD_NOT,
  'git-failed': COULD_NOT,
  'agent-missing': COULD_NOT,
  'agent-failed': COULD_NOT,
  'signer-failed': COULD_NOT,
  'normalizer-failed': COULD_NOT,
  'bundle-newer': COULD_NOT,
  'state-newer': COULD_NOT,
  'bundle-pending': COULD_NOT,
  'witness-pending': COULD_NOT,
  'state-locked': COULD_NOT,
  'corpus-newer': COULD_NOT,
  'verifier-failed': COULD_NOT,
  'address-unavailable': COULD_NOT,
  'checkpoint-unwitnessed': COULD_NOT,
  'log-busy': COULD_NOT,
  'witness-timeout': COULD_NOT,
  'witness-limit': COULD_NOT,
  'witness-slow': COULD_NOT,
  'witness-clock': COULD_NOT,
  'witness-unreachable': COULD_NOT,
  'log-unwitnessed': COULD_NOT,
  'evidence-newer': COULD_NOT,
  'state-missing': COULD_NOT,
  'state-foreign': COULD_NOT,
  'state-io': COULD_NOT,
  'state-closed': COULD_NOT,
  'mirror-behind': COULD_NOT,
  'mirror-source': COULD_NOT,
  unexpected: COULD_NOT,

  interrupted: INTERRUPTED,
};

/** A failure as the command reports it. */
export interface Failure {
  readonly code: FailureCode;
  readonly message: string;
  readonly exitStatus: number;
}

/** What to report of anything that was thrown. */
export function describeFailure(error: unknown): Failure {
  const isKnown =
    error instanceof CoreError ||
    error instanceof SignerError ||
    error instanceof Refusal ||
    error instanceof CliError ||
    isLoadedLater(error);
  const known = isKnown ? error : unexpected(error);
  const refused = serverRefusal(known);
  if (refused !== undefined) return refused;
  return { code: known.code, message: known.message, exitStatus: EXIT_STATUS[known.code] };
}

/** By its name: its class comes with all that it takes to serve. */
function isLoadedLater(error: unknown): error is ServerError | WitnessError {
  return error instanceof Error && (error.name === 'ServerError' || error.name === 'WitnessError');
}

/** What a server said in this project's own codes is reported as if it had happened here. Others are named in the message. */
function serverRefusal(error: Error): Failure | undefined {
  // By its name: its class comes with all that opens logs.
  if (error.name !== 'HttpProblem') return undefined;
  const { problem, detail } = error as HttpProblem;
  if (!Object.hasOwn(EXIT_STATUS, problem)) return undefined;
  const code = problem as FailureCode;
  return { code, message: `${printable(detail)} (says the server)`, exitStatus: EXIT_STATUS[code] };
}

function unexpected(error: unknown): CliError {
  if (error instanceof Error) {
    if (error.name === 'AbortError') return interrupted();
    if (isSystemError(error)) return new CliError('file-io', describeSystemError(error), { cause: error });
    return new CliError('unexpected', error.message, { cause: error });
  }
  return new CliError('unexpected', String(error));
}

/** Somebody pressed Ctrl-C, or sent SIGTERM. */
export function interrupted(): CliError {
  return new CliError('interrupted', 'stopped by a signal; what was printed is done');
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

function describeSystemError(error: NodeJS.ErrnoException): string {
  // Node's own message is "ENOENT: no such file or directory, open 'x'".
  const text = /^[A-Z0-9]+: (.*?), \w+/.exec(error.message)?.[1] ?? error.message;
  return error.path === undefined ? text : `${error.path}: ${text}`;
}

/** What the file system said about `path`, as a CliError; anything else as it is. */
export function fileError(path: string, error: unknown): unknown {
  if (!isSystemError(error)) return error;
  const message = describeSystemError(Object.assign(error, { path }));
  if (error.code === 'ENOENT') return new CliError('file-missing', message, { cause: error });
  if (error.code === 'EEXIST') return new CliError('file-exists', message, { cause: error });
  if (error.code === 'EISDIR') return new CliError('file-type', `${path} is a directory`, { cause: error });
  return new CliError('file-io', message, { cause: error });
}

/** Whether a file is not there. */
export function isMissing(error: unknown): error is CliError {
  return error instanceof CliError && error.code === 'file-missing';
}

/** What `act` makes of the content of a file. Where it refuses that, the error names the file too; its code stays. */
export function naming<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof CoreError) throw new CoreError(error.code, `${path}: ${error.message}`, { cause: error });
    if (error instanceof SignerError) throw new SignerError(error.code, `${path}: ${error.message}`, { cause: error });
    if (error instanceof Refusal) {
      const { code, message, state, evidence } = error;
      throw new Refusal(code, `${path}: ${message}`, { cause: error, state, ...(evidence && { evidence }) });
    }
    throw error;
  }
}
