import { formatVkey } from '@vitrine/core';
import { cosignNewest, workspaceWithIndex } from './index-workspace.ts';
import { done } from './releases.ts';
import { OTHER_KEY, REVIEWER_KEY, VENDOR_KEY } from './statement-workspace.ts';
import { LOG_KEY, type RunOptions, type Transcript, WITNESS_KEY, type Workspace } from './workspace.ts';

/** A minute after the witness has cosigned. */
export const THEN = '2023-11-14T22:14:20Z';

/** The lines of a trust file for the log of `workspaceWithIndex`, before its release lines. */
export const TRUST = [
  `log ${formatVkey(LOG_KEY.vkey)}`,
  `witness w4 ${formatVkey(WITNESS_KEY.vkey)}`,
  'quorum w4',
  'indexed example.com/log',
  `signer acme ${formatVkey(VENDOR_KEY.vkey)}`,
  `signer other ${formatVkey(OTHER_KEY.vkey)}`,
  `reviewer csa ${formatVkey(REVIEWER_KEY.vkey)}`,
];

/** Writes a trust file with these release lines. */
export function writeTrust(w: Workspace, name: string, ...releases: readonly string[]): void {
  w.write(name, `${[...TRUST, ...releases].join('\n')}\n`);
}

/**
 * The log of `workspaceWithIndex`, its newest checkpoint cosigned. Three builds of acme-av/stable are files `av-1.0`,
 * `av-1.1` (withdrawn) and `av-1.2`, each with its bundle beside it. `trust` takes the newest release of that stream, `any` each.
 */
export async function workspaceOfAgent(): Promise<Workspace> {
  const w = await workspaceWithIndex();
  await cosignNewest(w);
  writeTrust(w, 'trust', 'release acme-av/stable signed-by acme max-age 1h latest');
  writeTrust(w, 'any', 'release acme-av/stable signed-by acme max-age 1h');
  for (const [version, leaf] of [
    ['1.0', 6],
    ['1.1', 8],
    ['1.2', 10],
  ] as const) {
    w.write(`av-${version}`, version);
    await done(w, ['bundle', String(leaf), '--log', 'log', '--out', `av-${version}.vitrine`]);
  }
  return w;
}

/** Runs `vitrine verify` for downloads that are called `av.bin` in their release. */
export function verifyDownload(w: Workspace, args: readonly string[], options: RunOptions = {}): Promise<Transcript> {
  return w.run(['verify', ...args, '--now', THEN, '--name', 'av.bin'], options);
}
