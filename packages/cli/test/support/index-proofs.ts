import {
  formatIndexProof,
  formatTlogProof,
  type IndexProof,
  parseIndexProof,
  parseTlogProof,
  type TlogProof,
} from '@vitrine/core';
import { expect } from 'vitest';
import { ask, workspaceWithIndex } from './index-workspace.ts';
import { verifyHere } from './releases.ts';
import type { Workspace } from './workspace.ts';

/** What is asked of the index, by the name of its proof. */
export const QUESTIONS = {
  latest: ['latest', 'acme-av/stable'],
  absent: ['latest', 'acme-av/beta', '--type', 'build', '--issuer', 'acme.example'],
  history: ['history', 'acme-av/stable'],
  part: ['history', 'acme-av/stable', '--from', '1'],
  about: ['about', '8'],
  nothing: ['about', '6'],
  streams: ['streams'],
} as const;

/** The name of a proof. */
export type Question = keyof typeof QUESTIONS;

/** The log of `workspaceWithIndex`, with a proof of each question, under its name. */
export async function workspaceWithProofs(...questions: readonly Question[]): Promise<Workspace> {
  const w = await workspaceWithIndex();
  for (const name of questions) await ask(w, ...QUESTIONS[name], '--prove', '--out', name);
  return w;
}

/** How the absence that {@link QUESTIONS} has is asked for. */
export const ABSENT = ['--absent', '--stream', 'acme-av/beta', '--type', 'build', '--issuer', 'acme.example'] as const;

/** Verifies a proof of a workspace in this process. */
export function verifyProof(w: Workspace, proof: string, ...options: string[]): ReturnType<typeof verifyHere> {
  return verifyHere(w, '--proof', proof, ...options);
}

/** What a refusal leaves. `message` is the source of a regular expression. */
export function refusal(code: string, message = '', status = 1): object {
  const stderr = expect.stringMatching(new RegExp(`^vitrine: ${code}: .*${message}`));
  return { status, stdout: '', stderr };
}

/** Writes an index proof again, with something changed. */
export function changeIndexProof(
  w: Workspace,
  name: string,
  change: (proof: IndexProof, tlog: TlogProof) => { extra?: IndexProof; tlog?: Partial<TlogProof> },
): void {
  const tlog = parseTlogProof(w.read(name));
  const proof = parseIndexProof(tlog.extra!);
  const { extra = proof, tlog: changes = {} } = change(proof, tlog);
  w.write(name, formatTlogProof({ ...tlog, ...changes, extra: formatIndexProof(extra) }));
}
