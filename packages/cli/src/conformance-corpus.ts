import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatBase64, MAX_POLICY_SIZE } from '@vitrine/core';
import { MAX_BUNDLE_SIZE, MAX_STATE_SIZE } from '@vitrine/verifier';
import { type Answer, asAnswer } from './conformance-answer.ts';
import { CliError } from './errors.ts';
import { readAtMost } from './files.ts';
import { decodeUtf8 } from './text.ts';

/** A case that a verifier is tested by. */
export interface ConformanceCase {
  readonly id: string;
  /** What is tried, for people. */
  readonly tries: string;
  /** What the program gets: docs/json/conformance-input.schema.json. */
  readonly input: object;
  readonly expected: Answer;
}

const VERSION = 1;
const MAX_JSON_SIZE = 16 << 20;
const ID = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
// Nothing outside the directory.
const FILE = /^[a-z]+\/[0-9a-f]{16}$/;

/** The directory of the corpus that is published with `@vitrine/verifier`. */
export function ownCorpus(): string {
  return fileURLToPath(new URL('.', import.meta.resolve('@vitrine/verifier/conformance/manifest.json')));
}

/**
 * The cases of a corpus, in the order of its manifest. docs/conformance.md
 *
 * @param only ids of those that are wanted; all if there are none
 * @throws CliError `corpus-malformed`, `corpus-newer`; `usage` for an id that the corpus does not have; `file-` codes
 */
export async function readCorpus(directory: string, only: readonly string[]): Promise<ConformanceCase[]> {
  const path = join(directory, 'manifest.json');
  const manifest = await readJson(path);
  const { version, cases } = manifest;
  if (typeof version === 'number' && Number.isSafeInteger(version) && version > VERSION) {
    throw new CliError(
      'corpus-newer',
      `${path}: this program knows corpora of version ${VERSION}, found ${version}: use a newer one`,
    );
  }
  if (version !== VERSION || !Array.isArray(cases)) throw malformed(path, 'is no manifest of a corpus');
  const listed = cases.map((one: unknown) => {
    const { id, tries } = (one ?? {}) as Fields;
    if (typeof id !== 'string' || !ID.test(id) || typeof tries !== 'string') {
      throw malformed(path, 'has a case without an id or what it tries');
    }
    return { id, tries };
  });
  const unknown = only.find((id) => !listed.some((one) => one.id === id));
  if (unknown !== undefined) throw new CliError('usage', `the corpus has no case ${unknown}`);
  const wanted = only.length === 0 ? listed : listed.filter(({ id }) => only.includes(id));
  const read: ConformanceCase[] = [];
  for (const one of wanted) read.push({ ...one, ...(await readCase(directory, one.id)) });
  return read;
}

async function readCase(directory: string, id: string): Promise<Pick<ConformanceCase, 'input' | 'expected'>> {
  const path = join(directory, 'cases', `${id}.json`);
  const { request, now, maxAge, installed, bundle, trust, state, expected: answer } = await readJson(path);
  const expected = asAnswer(answer);
  if (expected === undefined) throw malformed(path, 'has no expected answer');
  const bytesOf = async (name: unknown, limit: number): Promise<string> => {
    if (typeof name !== 'string' || !FILE.test(name)) throw malformed(path, 'lacks the name of a file');
    return formatBase64(await readAtMost(join(directory, name), limit));
  };
  const input = {
    request,
    now,
    ...(maxAge !== undefined && { maxAge }),
    ...(installed !== undefined && { installed }),
    bundle: await bytesOf(bundle, MAX_BUNDLE_SIZE),
    trust: await bytesOf(trust, MAX_POLICY_SIZE),
    ...(state !== undefined && { state: await bytesOf(state, MAX_STATE_SIZE) }),
  };
  return { input, expected };
}

type Fields = Readonly<Record<string, unknown>>;

async function readJson(path: string): Promise<Fields> {
  const text = decodeUtf8(await readAtMost(path, MAX_JSON_SIZE));
  let value: unknown;
  try {
    value = JSON.parse(text ?? '');
  } catch (cause) {
    throw malformed(path, 'is no JSON', cause);
  }
  if (typeof value !== 'object' || value === null) throw malformed(path, 'is no JSON object');
  return value as Fields;
}

function malformed(path: string, what: string, cause?: unknown): CliError {
  return new CliError('corpus-malformed', `${path} ${what}`, { cause });
}
