import { basename } from 'node:path';
import type { Artifact } from '@vitrine/signer';
import {
  type AgentState,
  type Decision,
  isExactPattern,
  MAX_BUNDLE_SIZE,
  NO_STATE,
  Refusal,
  verifyRelease,
} from '@vitrine/verifier';
import type { Context } from './context.ts';
import { CliError, describeFailure, naming } from './errors.ts';
import { readCompanion } from './files.ts';
import { findingText, verifiedReleaseJson } from './finding-view.ts';
import { hashFiles } from './hashed-file.ts';
import { StateFile } from './state-file.ts';
import { type LoadedTrust, readTrust } from './trust-file.ts';

/** What `vitrine verify --trust` is told. */
export interface ReleaseOptions {
  readonly trust?: string;
  readonly stream?: string;
  readonly name?: string;
  readonly bundle?: string;
  readonly state?: string;
  /** In seconds. */
  readonly maxAge?: number;
  /** In seconds since the Epoch. */
  readonly now?: number;
  /** Whether the files are installed already. */
  readonly installed?: boolean;
  readonly json?: boolean;
}

/**
 * Decides about downloads, each with the bundle beside it. Those that may be installed are printed, and remembered in the
 * state. All of them are looked at, also where one is refused; the last refusal is thrown, the others are reported.
 *
 * @throws Refusal; CliError `usage`, `state-locked` and `file-` codes
 */
export async function verifyReleases(
  context: Context,
  files: readonly string[],
  options: ReleaseOptions,
): Promise<void> {
  if (options.state === '') throw new CliError('usage', '--state names no file');
  if (files.length === 0) throw new CliError('usage', 'name the download that is to be verified');
  if (files.length > 1) {
    for (const name of ['bundle', 'name'] as const) {
      if (options[name] !== undefined) throw new CliError('usage', `--${name} goes with one download`);
    }
  }
  const loaded = await readTrust(options.trust!);
  if (loaded.trust.releases.length === 0) {
    throw new Refusal('no-rule', `${options.trust} has no release line: a plain policy accepts no release`);
  }
  const stream = options.stream ?? onlyStream(loaded);
  const bundles = await Promise.all(files.map((file) => readBundle(file, options)));
  const hashed = await hashFiles(
    context,
    files.map((path) => ({ path, name: options.name ?? basename(path) })),
    options,
  );
  await using stateFile = options.state === undefined ? undefined : await StateFile.open(options.state);
  if (stateFile?.isNew && !options.json) {
    context.output.note(`${stateFile.path} is not there yet: nothing is known that a release could go back from`);
  }
  const now = options.now ?? context.now();
  const failures: unknown[] = [];
  for (const [i, file] of files.entries()) {
    try {
      const decide = (state: AgentState): Decision =>
        naming(file, () => {
          const { name, size, sha256: digest } = hashed[i] as Artifact;
          const { schemes } = loaded;
          const { maxAge, installed } = options;
          const request = { stream, name, size, digest };
          return verifyRelease(request, bundles[i]!, loaded.trust, now, state, {
            schemes,
            ...(maxAge !== undefined && { maxAge }),
            ...(installed && { installed }),
          });
        });
      const { finding } = await remembered(context, stateFile, { bundle: bundles[i]!, decide });
      if (options.json) await context.output.json(verifiedReleaseJson(file, finding));
      else await context.output.text(findingText(file, finding, loaded.trust, now));
    } catch (error) {
      failures.push(error);
    }
  }
  // That a check said no counts for more than that something can be tried again.
  const failure = failures.findLast((one) => describeFailure(one).exitStatus === 1) ?? failures.at(-1);
  reportOthers(context, failures, failure, options);
  if (failure !== undefined) throw failure;
}

/** A decision, and the state moved by it: where it is to install, and where the agent has to remember a refusal. */
async function remembered(
  { output }: Context,
  file: StateFile | undefined,
  { bundle, decide }: { readonly bundle: Uint8Array; readonly decide: (state: AgentState) => Decision },
): Promise<Decision> {
  try {
    const decision = decide(file?.state ?? NO_STATE);
    await file?.write(decision.state);
    return decision;
  } catch (error) {
    if (file === undefined || !(error instanceof Refusal)) throw error;
    try {
      if (error.state !== undefined) await file.write(error.state);
      if (error.evidence !== undefined) {
        const kept = await file.keepEvidence(error.evidence, bundle);
        output.note(`the log signed two trees that contradict each other: the evidence is in ${kept.join(', ')}`);
      }
    } catch (failure) {
      // The refusal is what matters.
      const { code, message } = describeFailure(failure);
      output.note(`what was refused cannot be remembered: ${code}: ${message}`);
    }
    throw error;
  }
}

function reportOthers(
  { output }: Context,
  failures: readonly unknown[],
  thrown: unknown,
  { json }: ReleaseOptions,
): void {
  for (const failure of failures) {
    if (failure === thrown) continue;
    const { code, message } = describeFailure(failure);
    if (json) output.jsonNote({ error: { code, message } });
    else output.note(`${code}: ${message}`);
  }
}

function onlyStream({ trust: { releases } }: LoadedTrust): string {
  const [rule] = releases;
  if (releases.length === 1 && isExactPattern(rule!.pattern)) return rule!.pattern;
  throw new CliError('usage', 'the trust file is about several streams: name the one that was asked for with --stream');
}

async function readBundle(file: string, { bundle }: ReleaseOptions): Promise<Uint8Array> {
  const companion = { option: 'bundle', named: bundle, beside: `${file}.vitrine` };
  return (await readCompanion(companion, MAX_BUNDLE_SIZE)).bytes;
}
