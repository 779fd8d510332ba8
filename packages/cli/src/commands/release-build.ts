import { compareText } from '@vitrine/core';
import type { Artifact, Attachment, BuildPayload, Payload } from '@vitrine/signer';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { ANY_HASH, checkDraft } from '../draft.ts';
import { CliError } from '../errors.ts';
import { hashFiles, inputFile } from '../hashed-file.ts';
import { checkNotOut, type IssueOptions, type Issuer, issue, withIssueOptions } from '../issue.ts';
import { LEAF_ARGUMENT, noteWithdrawn, resolveLeaf } from '../leaf-reference.ts';
import { type BundleOptions, prepareBundle, withBundleOptions } from '../release-bundle.ts';
import { checkNames, checkReleasedNames, releasedFiles } from '../released-files.ts';

interface Options extends IssueOptions, BundleOptions {
  readonly product: string;
  readonly version: string;
  readonly channel: string;
  readonly platform?: string;
  readonly source?: string;
  readonly toolchain?: string;
  readonly manifest?: string;
  readonly attach?: readonly AttachedFile[];
}

interface AttachedFile {
  readonly path: string;
  readonly mediaType: string;
}

/** `vitrine release build` */
export function registerReleaseBuild(release: Command, context: Context): void {
  withIssueOptions(
    withBundleOptions(
      release
        .command('build')
        .summary('log the files of a build')
        .description('Log the SHA-256 of each file of a build, and the source that it was built from.')
        .argument('<artifact...>', 'the files, which are logged under their base names')
        .requiredOption('--product <name>', 'the product: letters, digits, dots, underscores and hyphens')
        .requiredOption('--version <version>', 'its version, for people')
        .requiredOption('--channel <name>', 'the channel, for instance stable')
        .option('--platform <name>', 'the platform, for instance linux-x64')
        .option('--source <leaf>', `the source: ${LEAF_ARGUMENT}`)
        .option('--toolchain <text>', 'what it was built with')
        .option('--manifest <file>', 'write the list of the files here, and log that: needed for more than 200')
        .option(
          '--attach <file>:<media type>',
          'log what goes with the build too: an SBOM, provenance (repeatable)',
          collectAttached,
        ),
    ),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  $ vitrine release build acme-av-5.2.deb --product acme-av --version 5.2 --channel stable \\\n' +
        '      --platform linux-x64 --source 3 --attach sbom.json:application/spdx+json --log ./log --key vendor.key\n' +
        '  $ vitrine release build tool.tgz --product tool --version 2 --channel stable --log ./log --key vendor.key \\\n' +
        '      --bundle tool.tgz.vitrine --policy policy\n',
    )
    .action((artifacts: string[], options: Options) => releaseBuild(context, artifacts, options));
}

function collectAttached(text: string, before: readonly AttachedFile[] = []): AttachedFile[] {
  const [, path, mediaType] = /^(.+):([\w!#$&^.+-]+\/[\w!#$&^.+-]+)$/s.exec(text) ?? [];
  if (path === undefined || mediaType === undefined) {
    throw new CliError('usage', `--attach must be as sbom.json:application/spdx+json, not ${text}`);
  }
  return [...before, { path, mediaType }];
}

async function releaseBuild(context: Context, paths: readonly string[], options: Options): Promise<void> {
  const { product, version, channel, platform, toolchain, manifest, attach = [] } = options;
  checkNotOut(options, manifest, '--manifest');
  const writeBundle = await prepareBundle(context, options);
  const files = await Promise.all(paths.map(inputFile));
  checkReleasedNames(
    files.map(({ name }) => name),
    manifest,
  );
  const attached = await Promise.all(attach.map(async (file) => ({ ...file, ...(await inputFile(file.path)) })));
  checkNames(attached.map(({ name }) => name));
  const common = {
    type: 'build',
    product,
    version,
    channel,
    ...(platform !== undefined && { platform }),
    ...(toolchain !== undefined && { toolchain }),
  } as const;
  checkDraft({ ...common, manifest: { name: 'manifest', size: 0, sha256: ANY_HASH } });
  const source = options.source === undefined ? undefined : await sourceOf(context, options.source, options);

  const describe = async ({ warn }: Issuer): Promise<BuildPayload> => {
    if (source === undefined) warn('without --source nobody learns which source this was built from');
    const hashed = await hashFiles(context, [...files, ...attached], options);
    const artifacts = hashed.slice(0, files.length);
    const attachments = describeAttached(attached, hashed.slice(files.length));
    return {
      ...common,
      ...(await releasedFiles(artifacts, options)),
      ...(source !== undefined && { source }),
      ...(attachments.length > 0 && { attachments }),
    };
  };
  const release = await issue(context, describe, options);
  await writeBundle?.(release);
}

/** @throws CliError `usage` for a statement that is not the source of this product; what `resolveLeaf` throws */
async function sourceOf(context: Context, reference: string, options: Options): Promise<Uint8Array> {
  const resolved = await resolveLeaf(context, reference, options);
  const { leafHash, entry, statement } = resolved;
  // A leaf hash alone says nothing; the log knows more.
  if (entry === undefined) return leafHash;
  const payload = statement?.payload;
  if (payload?.type !== 'source') {
    throw new CliError('usage', `--source ${reference} is no source: it is ${kindOf(payload)}`);
  }
  if (payload.product !== options.product) {
    throw new CliError('usage', `--source ${reference} is a source of ${payload.product}, not of ${options.product}`);
  }
  noteWithdrawn(context, reference, resolved, options);
  return leafHash;
}

function kindOf(payload: Payload | undefined): string {
  return payload === undefined ? 'an entry that is no statement' : `a statement of type ${payload.type}`;
}

function describeAttached(files: readonly AttachedFile[], hashed: readonly Artifact[]): Attachment[] {
  return hashed
    .map((artifact, i) => ({ ...artifact, mediaType: files[i]!.mediaType }))
    .sort((a, b) => compareText(a.name, b.name));
}
