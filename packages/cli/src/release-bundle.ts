import { access, constants } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { describeQuorum, leafHash, NO_QUORUM, type Policy, verifyCheckpoint } from '@vitrine/core';
import { makeBundle } from '@vitrine/verifier';
import type { Command } from 'commander';
import type { Context } from './context.ts';
import { CliError, fileError } from './errors.ts';
import { isThere, writeNewFile } from './files.ts';
import { hasUrls } from './gathering.ts';
import { type LogOption, logPlace, openLog } from './log-option.ts';
import { type LoadedPolicy, readPolicy } from './policy-file.ts';
import { readBundledManifest } from './released-files.ts';
import { witnessedCheckpoint } from './witnessed-checkpoint.ts';

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
    .option(
      '--bundle <file>',
      'write the bundle of the release, for agents, once the witnesses of --policy have cosigned',
    )
    .option(
      '--policy <file>',
      "with --bundle: names the log's witnesses, who are asked at their URLs; quorum none: nobody",
    );
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

/** @throws CliError `bundle-pending` if the policy is not met in time, `file-` codes; what `witnessedCheckpoint` and `makeBundle` throw */
async function writeBundle(
  context: Context,
  release: Uint8Array,
  path: string,
  loaded: LoadedPolicy,
  options: BundleOptions,
): Promise<void> {
  await using log = await openLog(await logPlace(context, options));
  const leaf = (await log.indexOf(leafHash(release)))!;
  let size: number;
  try {
    const checkpoint = await witnessedCheckpoint(context, log, leaf, loaded, options);
    if (checkpoint === undefined) throw pending(leaf, path, loaded.policy, options);
    const manifest = await readBundledManifest(options.manifest);
    const bytes = await makeBundle(log, leaf, { checkpoint, ...(manifest && { manifest }) });
    await writeNewFile(path, bytes);
    size = checkpoint.size;
  } catch (error) {
    // Whoever runs the command again would log another release.
    if (!(error instanceof CliError) || error.code !== 'bundle-pending') {
      context.output.note(
        `the release is logged at leaf ${leaf}: its bundle is written by vitrine bundle ${leaf} --out <file>`,
      );
    }
    throw error;
  }
  if (!options.json) context.output.note(`wrote ${path}, the bundle of leaf ${leaf}, tree size ${size}`);
}

function pending(leaf: number, path: string, policy: Policy, options: BundleOptions): CliError {
  const gather = hasUrls(policy)
    ? `when they can be reached, run vitrine witness gather --policy ${options.policy}`
    : 'the policy has no URLs to ask them at: have them cosign what vitrine prove consistency prints, and add their answers with ' +
      'vitrine checkpoint --cosignatures';
  return new CliError(
    'bundle-pending',
    `the release is logged at leaf ${leaf}, and its bundle waits for ${describeQuorum(policy)}: ${gather}; then write it with ` +
      `vitrine bundle ${leaf} --out ${path}`,
  );
}
