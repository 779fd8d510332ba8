import type { Finding, Kept, Witness, WitnessOptions } from '@vitrine/witness';
import type { Command } from 'commander';
import type { Context } from './context.ts';
import { collect, readCosigners } from './cosigners.ts';
import { CliError, fileError } from './errors.ts';
import { servedAt } from './served-file.ts';

/** What {@link withWitnessOptions} leaves among a command's options. */
export interface WitnessCommandOptions {
  readonly key: readonly string[];
  readonly policy?: readonly string[];
  readonly state: string;
  readonly json?: boolean;
}

/** Adds what every command has that cosigns. */
export function withWitnessOptions(command: Command): Command {
  return command
    .requiredOption(
      '--key <file>',
      'a key of the witness, of the type ed25519-cosignature or ml-dsa-44, once for each',
      collect,
    )
    .option(
      '--policy <file>',
      'a policy that names logs, once for each; what it says of witnesses is not looked at',
      collect,
    )
    .requiredOption('--state <directory>', 'where the witness keeps what it saw of each log; it has to be there');
}

/** What a command is told of while a witness works. */
export interface WitnessReports {
  onFinding(finding: Finding, kept: Kept): void;
  /** A file that names logs cannot be read any more: what it said last holds. */
  onSourceProblem?(source: string, error: unknown): void;
}

/** A witness, and how many logs it knows. */
export interface OpenedWitness {
  readonly witness: Witness;
  /** The origins of the logs that it knows now. */
  origins(): readonly string[];
}

/**
 * Opens the witness that the command line names, with the logs of its policies and those that were added to its state.
 *
 * @throws CliError `usage` without any log, `file-` codes; CoreError `policy-malformed`, `key-type`; WitnessError with `state-` codes
 */
export async function openWitness(
  context: Context,
  { key, policy = [], state, json }: WitnessCommandOptions,
  { onFinding, onSourceProblem, ...options }: WitnessReports & Pick<WitnessOptions, 'growth'>,
): Promise<OpenedWitness> {
  const { addedSource, KnownLogs, policySource, Witness, WitnessError } = await import('@vitrine/witness');
  const cosigners = await readCosigners(context, key, { json });
  const sources = [...policy.map(policySource), addedSource(state)];
  const logs = await KnownLogs.read(sources, onSourceProblem).catch((error: unknown) => {
    throw fileError((error as NodeJS.ErrnoException).path ?? state, error);
  });
  if (policy.length === 0 && logs.origins.length === 0) {
    throw new CliError('usage', 'the witness knows no log: name them with --policy, or with vitrine witness log add');
  }
  const keysOf = (origin: string): ReturnType<typeof logs.keysOf> => logs.keysOf(origin);
  try {
    const witness = await Witness.open({
      ...options,
      directory: state,
      cosigners,
      keysOf,
      now: context.now,
      onFinding,
    });
    return { witness, origins: () => logs.origins };
  } catch (error) {
    if (!(error instanceof WitnessError) || error.code !== 'state-locked') throw error;
    const url = await servedAt(state);
    const hint = url === undefined ? '' : `: a server of it, which cosigns at ${url}`;
    throw new WitnessError('state-locked', `${error.message}${hint}`, { cause: error });
  }
}
