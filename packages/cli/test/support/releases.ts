import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { formatTlogProof, formatVkey, parseTlogProof, type TlogProof } from '@vitrine/core';
import { formatStatementProof, parseStatementProof, type StatementProof } from '@vitrine/signer';
import { expect } from 'vitest';
import { run } from '../../src/run.ts';
import { parseAs } from './json-schema.ts';
import { workspaceWithStatements } from './statement-workspace.ts';
import { testContext } from './test-context.ts';
import { LOG_KEY, type Transcript, type Workspace } from './workspace.ts';

export const VENDOR = ['--log', 'log', '--key', 'vendor.key'];
export const REVIEWER = ['--log', 'log', '--key', 'reviewer.key'];

/** Runs a command that has to succeed. */
export async function done(w: Workspace, args: readonly string[]): Promise<Transcript> {
  const result = await w.run(args);
  expect(result.status, result.stderr).toBe(0);
  return result;
}

/** Runs a command that logs a statement, and returns the fields of its payload. */
export async function logged(w: Workspace, args: readonly string[]): Promise<Record<string, unknown>> {
  const { statement } = parseAs('issue', (await done(w, [...args, '--json'])).stdout);
  return (statement as { payload: Record<string, unknown> }).payload;
}

/** Writes files, each with its directories. */
export function write(w: Workspace, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(w.path(name)), { recursive: true });
    w.write(name, content);
  }
}

/** The policy of the log that {@link workspaceWithStatements} makes. */
export function writePolicy(w: Workspace): void {
  w.write('policy', `log ${formatVkey(LOG_KEY.vkey)}\nquorum none\n`);
}

/** A log with a source statement at leaf 2, of the directory `src`. */
export async function workspaceWithSource(...options: readonly string[]): Promise<Workspace> {
  const w = await workspaceWithStatements();
  writePolicy(w);
  write(w, { 'src/main.c': 'int main;\n', 'src/lib/a.h': 'int a;\n', 'src/lib/b.h': 'int b;\n' });
  const what = ['--product', 'acme-av', '--version', '1.0', '--revision', 'r1', ...options];
  await done(w, ['release', 'source', 'src', ...what, ...VENDOR]);
  return w;
}

/** Runs a command in this process, which is faster. Files have to be named by their whole paths. */
export async function runHere(args: readonly string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const { context, stdout, stderr } = testContext();
  const status = await run(args, context);
  return { status, stdout: stdout(), stderr: stderr() };
}

/** Verifies in this process what names files of the workspace. */
export function verifyHere(w: Workspace, ...args: readonly string[]): ReturnType<typeof runHere> {
  const isFile = (arg: string, i: number): boolean => (i === 0 ? !arg.startsWith('-') : FILE_OPTIONS.has(args[i - 1]!));
  const named = args.map((arg, i) => (isFile(arg, i) ? w.path(arg) : arg));
  return runHere(['verify', ...named, '--policy', w.path('policy')]);
}

const FILE_OPTIONS = new Set(['--proof', '--signer', '--record-file']);

/** Writes a proof again, with something changed. */
export function changeProof(
  w: Workspace,
  name: string,
  change: (proof: StatementProof, tlog: TlogProof) => { extra?: StatementProof; tlog?: Partial<TlogProof> },
): void {
  const tlog = parseTlogProof(w.read(name));
  const proof = parseStatementProof(tlog.extra!);
  const { extra = proof, tlog: changes = {} } = change(proof, tlog);
  w.write(name, formatTlogProof({ ...tlog, ...changes, extra: formatStatementProof(extra) }));
}

/** The statement proof in a proof file. */
export function proofIn<T extends StatementProof['type']>(
  w: Workspace,
  name: string,
  type: T,
): Extract<StatementProof, { type: T }> {
  const proof = parseStatementProof(parseTlogProof(w.read(name)).extra!);
  expect(proof.type).toBe(type);
  return proof as Extract<StatementProof, { type: T }>;
}
