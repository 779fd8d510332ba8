import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatBase64, sha256 } from '@vitrine/core';
import { findingJson } from '../../src/decision/finding-json.ts';
import { verifyRelease } from '../../src/decision/verify.ts';
import { Refusal } from '../../src/refusal.ts';
import { type AgentState, NO_STATE } from '../../src/state/state.ts';
import { formatState, parseState } from '../../src/state/state-codec.ts';
import { parseTrust } from '../../src/trust/parse-trust.ts';
import { ATTACKS } from '../attacks.ts';
import { NOW, SCHEMES, utf8 } from '../world.ts';
import { BUNDLE_CASES } from './bundle-cases.ts';
import type { CaseInput, ConformanceCase } from './case.ts';
import { CHECKPOINT_CASES } from './checkpoint-cases.ts';
import { INSTALLED_CASES } from './installed-cases.ts';
import { REQUEST_CASES } from './request-cases.ts';
import { REVIEW_CASES } from './review-cases.ts';
import { STATE_CASES } from './state-cases.ts';
import { TIME_CASES } from './time-cases.ts';
import { TRUST_CASES } from './trust-cases.ts';

const SCHEMA_DIRECTORY = join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'json');
/** What describes the corpus and what goes in and out of a program; copied, so that it is whole by itself. */
const SCHEMAS = ['conformance-manifest', 'conformance-case', 'conformance-input', 'conformance-answer', 'finding'];

/** All cases, in the order of the manifest: the attacks first. */
export const CASES: readonly ConformanceCase[] = [
  ...ATTACKS.map(({ name, code, attempt }) => ({ name, expected: code, input: attempt })),
  ...REQUEST_CASES,
  ...INSTALLED_CASES,
  ...REVIEW_CASES,
  ...CHECKPOINT_CASES,
  ...TIME_CASES,
  ...STATE_CASES,
  ...TRUST_CASES,
  ...BUNDLE_CASES,
];

/** The id of a case: its name in kebab-case. */
export function idOf({ name }: ConformanceCase): string {
  return name
    .toLowerCase()
    .replaceAll("'", '')
    .replaceAll(/[^a-z0-9]+/g, '-');
}

/** What a verifier has to answer. docs/conformance.md */
export type Answer =
  | { readonly accepted: object; readonly state: string }
  | { readonly refused: string; readonly state?: string };

/** What ours answers. */
export function answerTo({ request, bundle, trust, now = NOW, state, options }: CaseInput): Answer {
  try {
    const parsed = parseTrust(bytesOf(trust));
    const before = state instanceof Uint8Array ? parseState(state) : (state ?? NO_STATE);
    const decision = verifyRelease(request, bundle, parsed, now, before, { schemes: SCHEMES, ...options });
    return { accepted: findingJson(decision.finding), state: formatBase64(formatState(decision.state)) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { refused: error.code, ...(error.state !== undefined && { state: formatBase64(formatState(error.state)) }) };
  }
}

const bytesOf = (trust: CaseInput['trust']): Uint8Array => (typeof trust === 'string' ? utf8(trust) : trust);
const stateBytes = (state: AgentState | Uint8Array): Uint8Array =>
  state instanceof Uint8Array ? state : formatState(state);
const json = (value: unknown): Uint8Array => utf8(`${JSON.stringify(value, null, 2)}\n`);

/** A case as a file has it, with the files that it shares with others. */
function caseFiles(input: CaseInput): { readonly file: object; readonly shared: ReadonlyMap<string, Uint8Array> } {
  const { request, bundle, trust, now = NOW, state, options } = input;
  const { stream, name, digest, size } = request;
  const shared = new Map<string, Uint8Array>();
  const share = (directory: string, bytes: Uint8Array): string => {
    const path = `${directory}/${hex(sha256(bytes)).slice(0, 16)}`;
    shared.set(path, bytes);
    return path;
  };
  const file = {
    request: { stream, ...(name !== undefined && { name }), digest: hex(digest), size },
    now,
    ...(options?.maxAge !== undefined && { maxAge: options.maxAge }),
    ...(options?.installed && { installed: true }),
    bundle: share('bundles', bundle),
    trust: share('trust', bytesOf(trust)),
    ...(state !== undefined && { state: share('states', stateBytes(state)) }),
    expected: answerTo(input),
  };
  return { file, shared };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The corpus: each file by its path. */
export async function corpusFiles(): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const manifest = {
    version: 1,
    description:
      'Cases for programs that decide about releases, as docs/verifying.md of Vitrine says: docs/conformance.md',
    cases: CASES.map((one) => ({ id: idOf(one), tries: one.name, expected: one.expected })),
  };
  files.set('manifest.json', json(manifest));
  for (const one of CASES) {
    const { file, shared } = caseFiles(await one.input());
    files.set(`cases/${idOf(one)}.json`, json(file));
    for (const [path, bytes] of shared) files.set(path, bytes);
  }
  for (const name of SCHEMAS)
    files.set(`schemas/${name}.schema.json`, readFileSync(join(SCHEMA_DIRECTORY, `${name}.schema.json`)));
  return files;
}
