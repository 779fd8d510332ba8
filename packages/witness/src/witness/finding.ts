import {
  CoreError,
  formatBase64,
  formatVkey,
  parseBase64,
  parseSignedNote,
  parseVkey,
  sha256,
  type VerifierKey,
} from '@vitrine/core';
import { WitnessError } from '../error.ts';
import { checkContradiction } from './contradiction.ts';
import { hex } from './hex.ts';

/**
 * What was found. `two-roots`: two trees of one size. `empty-root`: a tree without entries whose root is not the empty
 * tree's. `rewritten`: a tree whose first entries are not those of an earlier one, with the proof of what they are. Only whoever
 * has the log's key can have signed these. `unproven`: a consistency proof fails; whoever sent it may have broken it, so it shows
 * nothing by itself.
 */
export type FindingKind = 'two-roots' | 'empty-root' | 'rewritten' | 'unproven';

/** What a log signed that does not fit together, or was not shown to. */
export interface Finding {
  readonly kind: FindingKind;
  readonly origin: string;
  /** The log's keys that verify the notes. */
  readonly keys: readonly VerifierKey[];
  /** Signed notes: the one that was seen before, if there is one, and the one that was sent. */
  readonly notes: readonly Uint8Array[];
  /**
   * Of `unproven`: what was sent to prove that the second note's tree grew from the first one's. Of `rewritten`: the proof that
   * it grew from a tree of that size with {@link root}.
   */
  readonly proof?: readonly Uint8Array[];
  /** Of `rewritten`: the root over as many entries of the second note's tree as the first one's has. */
  readonly root?: Uint8Array;
  /** Seconds since the Epoch. */
  readonly time: number;
  /** What is wrong, in words. */
  readonly reason: string;
}

const FORMAT_NAME = 'vitrine-evidence';
const FORMAT_VERSION = 1;
const KINDS: readonly string[] = ['two-roots', 'empty-root', 'rewritten', 'unproven'] satisfies FindingKind[];

/** Names a finding, whenever and by whomever it is made: the proof, which anybody can vary, is not part of it. */
export function findingId({ kind, notes }: Pick<Finding, 'kind' | 'notes'>): string {
  const texts = [kind, ...notes.map((note) => parseSignedNote(note).text)];
  const digest = sha256(new TextEncoder().encode(JSON.stringify(texts)));
  return hex(digest.subarray(0, 8));
}

/** Writes a finding as a file, in JSON. */
export function formatFinding({ keys, notes, proof, root, ...finding }: Finding): Uint8Array {
  const value = {
    format: FORMAT_NAME,
    version: FORMAT_VERSION,
    ...finding,
    vkeys: keys.map(formatVkey),
    notes: notes.map((note) => new TextDecoder().decode(note)),
    ...(proof && { proof: proof.map(formatBase64) }),
    ...(root && { root: formatBase64(root) }),
  };
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}

/**
 * Reads a finding and checks that it is what it says: the log's signatures, by the keys in it, and that its notes contradict each
 * other, or that its proof fails. Whether the keys are the log's is for the reader to know.
 *
 * @throws WitnessError `evidence-malformed`, `evidence-newer`
 */
export async function openFinding(bytes: Uint8Array): Promise<Finding> {
  const value = readJson(bytes);
  const { kind, origin, time, reason, vkeys, notes, proof, root } = value;
  if (typeof kind !== 'string' || !KINDS.includes(kind)) throw malformed('its kind is unknown');
  if (typeof origin !== 'string' || typeof reason !== 'string' || (root !== undefined && typeof root !== 'string'))
    throw malformed('a field is missing');
  if (typeof time !== 'number' || !Number.isSafeInteger(time) || time < 0) throw malformed('its time is no time');
  try {
    const finding: Finding = {
      kind: kind as FindingKind,
      origin,
      time,
      reason,
      keys: texts(vkeys).map(parseVkey),
      notes: texts(notes).map((note) => new TextEncoder().encode(note)),
      ...(proof !== undefined && { proof: texts(proof).map((hash) => parseBase64(hash, 'a proof hash')) }),
      ...(root !== undefined && { root: parseBase64(root, 'a root hash') }),
    };
    await checkContradiction(finding);
    return finding;
  } catch (error) {
    throw error instanceof CoreError ? malformed(error.message, error) : error;
  }
}

const malformed = (message: string, cause?: unknown): WitnessError =>
  new WitnessError('evidence-malformed', `this is no evidence: ${message}`, { cause });

function readJson(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw malformed('it is not JSON', cause);
  }
  const found = typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  const { format, version } = found;
  if (format !== FORMAT_NAME || typeof version !== 'number')
    throw malformed(`it does not say that it is ${FORMAT_NAME}`);
  if (version === FORMAT_VERSION) return found;
  throw new WitnessError(
    'evidence-newer',
    `this evidence has format version ${version}, this program knows ${FORMAT_VERSION}: use a newer one`,
  );
}

function texts(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.some((text) => typeof text !== 'string'))
    throw malformed('a list of texts is missing');
  return value;
}
