import { access, constants } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import {
  CoreError,
  describeQuorum,
  leafHash,
  NO_QUORUM,
  type Policy,
  satisfiesPolicy,
  verifyCheckpoint,
} from '@vitrine/core';
import type { Log, LogCheckpoint, RemoteLog } from '@vitrine/core/log';
import { makeBundle } from '@vitrine/verifier';
import type { Command } from 'commander';
import type { Context } from './context.ts';
import { CliError, fileError } from './errors.ts';
import { isThere, writeNewFile } from './files.ts';
import { gatherOnce } from './gather-once.ts';
import { type LogOption, type LogPlace, logPlace, type OpenedLog, openLog } from './log-option.ts';
import { type LoadedPolicy, readPolicy } from './policy-file.ts';
import { readBundledManifest } from './released-files.ts';

/** What {@link withBundleOptions} leaves among a command's options. */
export interface BundleOptions extends LogOption {
  readonly bundle?: string;
  readonly policy?: string;
  readonly offline?: boolean;
  readonly manifest?: string;
  readonly json?: boolean;
}

/** Adds `--bundle` to a command that logs a release. */
export function withBundleOptions(command: Command): Command {
  return command
    .option('--bundle <file>', 'write the bundle of the release, for agents, as soon as the policy of --policy is met')
    .option('--policy <file>', "with --bundle: the policy that names the log's witnesses; quorum none asks for none");
}

/**
 * Refuses what would keep a bundle from being written, before anything is logged; and gives what writes it.
 *
 * @returns undefined without `--bundle`
 * @throws CliError `usage`, `file-exists`; CoreError `policy-log` and what else says that the policy is not of this log; what
 * `readPolicy` and `openLog` throw
 */
export async function prepareBundle(
  context: Context,
  options: BundleOptions,
): Promise<((release: Uint8Array) => Promise<void>) | undefined> {
  const { bundle, policy, offline } = options;
  if (bundle === undefined) {
    if (policy !== undefined) throw new CliError('usage', '--policy goes with --bundle');
    return undefined;
  }
  if (offline) throw new CliError('usage', '--offline does not log, and there is no bundle of what is not logged');
  if (policy === undefined) {
    throw new CliError('usage', "name the policy of the log's witnesses with --policy; its quorum can be none");
  }
  if (options.manifest !== undefined && resolve(options.manifest) === resolve(bundle)) {
    throw new CliError('usage', `--bundle and --manifest are both ${bundle}`);
  }
  await checkFree(bundle);
  const loaded = await readPolicy(policy);
  {
    await using log = await openLog(await logPlace(context, options));
    // Whether its witnesses have seen anything yet does not matter now.
    verifyCheckpoint(log.checkpoint().note, { ...loaded.policy, quorum: NO_QUORUM }, loaded);
  }
  return (release) => writeBundle(context, release, bundle, loaded, options);
}

/** Refuses a path at which no file can be made. @throws CliError `file-exists`, `file-missing`, `file-io` */
async function checkFree(path: string): Promise<void> {
  if (await isThere(path)) throw new CliError('file-exists', `${path} is there already`);
  const directory = dirname(path);
  await access(directory, constants.W_OK).catch((error: unknown) => {
    throw fileError(directory, error);
  });
}

/** @throws CliError `bundle-pending` until the policy is met, `file-` codes; what `makeBundle` throws */
async function writeBundle(
  context: Context,
  release: Uint8Array,
  path: string,
  loaded: LoadedPolicy,
  options: BundleOptions,
): Promise<void> {
  const place = await logPlace(context, options);
  await using log = await openLog(place);
  const leaf = (await log.indexOf(leafHash(release)))!;
  const checkpoint = await metCheckpoint(context, { place, log, leaf, path }, loaded);
  const manifest = await readBundledManifest(options.manifest);
  try {
    const bytes = await makeBundle(log, leaf, { checkpoint, ...(manifest && { manifest }) });
    await writeNewFile(path, bytes);
  } catch (error) {
    // Whoever runs the command again would log another release.
    context.output.note(
      `the release is logged at leaf ${leaf}: its bundle is written by vitrine bundle ${leaf} --out <file>`,
    );
    throw error;
  }
  if (!options.json) context.output.note(`wrote ${path}, the bundle of leaf ${leaf}, tree size ${checkpoint.size}`);
}

interface Released {
  readonly place: LogPlace;
  readonly log: OpenedLog;
  readonly leaf: number;
  readonly path: string;
}

// A server gathers by itself. Milliseconds between two looks, and how often to look.
const LOOK_INTERVAL = 250;
const LOOKS = 240;

/**
 * The checkpoint that has the release and satisfies the policy. Where the log's witnesses have not cosigned one, they are asked; a
 * server does that itself, and is waited for.
 *
 * @throws CliError `bundle-pending`
 */
async function metCheckpoint(
  context: Context,
  { place, log, leaf, path }: Released,
  loaded: LoadedPolicy,
): Promise<LogCheckpoint> {
  const find = (): LogCheckpoint | undefined =>
    [log.checkpoint(), log.cosignedCheckpoint()].find(
      (checkpoint) => checkpoint !== undefined && checkpoint.size > leaf && isMet(checkpoint, loaded),
    );
  const found = find();
  if (found !== undefined) return found;
  const missing = new CoreError('policy-quorum', `the newest checkpoint does not satisfy the policy`);
  if (place.url === undefined) {
    // Only the log's own process can keep what its witnesses answer.
    if (!witnessUrls(loaded)) throw pending(leaf, path, loaded.policy, missing);
    context.output.note('asking the witnesses of the policy');
    await gatherOnce(context, log as OpenedLog & Log, loaded);
  } else {
    context.output.note(`waiting until the witnesses of the policy have cosigned at ${place.url}`);
    for (let looks = 0; looks < LOOKS && find() === undefined; looks++) {
      await setTimeout(LOOK_INTERVAL, undefined, { signal: context.signal });
      await (log as OpenedLog & Pick<RemoteLog, 'refresh'>).refresh();
    }
  }
  const gathered = find();
  if (gathered === undefined) throw pending(leaf, path, loaded.policy, missing);
  return gathered;
}

const witnessUrls = ({ policy }: LoadedPolicy): boolean => policy.witnesses.some(({ url }) => url !== undefined);

const isMet = ({ note }: LogCheckpoint, { policy, ...options }: LoadedPolicy): boolean =>
  satisfiesPolicy(note, policy, options);

function pending(leaf: number, path: string, policy: Policy, cause: unknown): CliError {
  return new CliError(
    'bundle-pending',
    `the release is logged at leaf ${leaf}, and its bundle waits for ${describeQuorum(policy)}: have them cosign, with ` +
      'vitrine witness gather, or with vitrine prove consistency and vitrine checkpoint --cosignatures where they have no URL; then ' +
      `write it with vitrine bundle ${leaf} --out ${path}`,
    { cause },
  );
}
