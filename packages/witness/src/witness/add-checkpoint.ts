import {
  type AddCheckpoint,
  CoreError,
  EMPTY_ROOT,
  equalBytes,
  formatSignedNote,
  isLineOf,
  KEY_TYPE_ED25519,
  loadSchemes,
  type OpenedCheckpoint,
  openCheckpoint,
  parseAddCheckpoint,
  parseSignedNote,
  quote,
  type SignedNote,
  type VerifierKey,
  verifyConsistency,
} from '@vitrine/core';
import { WitnessError } from '../error.ts';
import { readEarlierFile } from './earlier-file.ts';
import type { Evidence, Kept } from './evidence.ts';
import type { Finding, FindingKind } from './finding.ts';
import { checkLines } from './key-lines.ts';
import { refusing } from './refusing.ts';
import { type SeenCheckpoint, seenCheckpoint } from './seen-checkpoint.ts';
import type { WitnessState } from './witness-state.ts';

/** What a request to add a checkpoint is judged by. */
export interface AddCheckpointOptions {
  readonly state: WitnessState;
  readonly evidence: Evidence;
  /** The keys of a log, types 0x01 and 0x06, with the origin as their name: none for a log that is not known. */
  keysOf(origin: string): Promise<readonly VerifierKey[]> | readonly VerifierKey[];
  /** Seconds since the Epoch. */
  now(): number;
  /**
   * Asked last, before a checkpoint is stored or, if it is the newest one again, passed on. Throws to refuse it.
   */
  admit?(added: AddedCheckpoint): void;
  /** Told of every finding, also one that is known already. */
  onFinding?(finding: Finding, kept: Kept): void;
}

/** A checkpoint that passed all checks. */
export interface AddedCheckpoint {
  readonly checkpoint: SeenCheckpoint;
  /** The size from which it grew. */
  readonly oldSize: number;
  /** Whether it is stored because of this request: otherwise it is the newest one once more. */
  readonly isNew: boolean;
  /** Whether its text is as it was sent: otherwise it had extension lines that the log's signatures do not cover. */
  readonly isWhole: boolean;
}

const NOTHING = { size: 0, root: EMPTY_ROOT };

/**
 * Handles a request of tlog-witness and of tlog-mirror to add a checkpoint: checks that the log signed it and grew to it from
 * the newest one that was seen, stores it, and then lets `accepted` do the rest. From the look at the newest one until
 * `accepted` is done, no other request for this log is handled, so nothing can roll it back.
 * https://c2sp.org/tlog-witness#add-checkpoint
 *
 * @param body the request's, of any length
 * @returns what `accepted` resolves to
 * @throws WitnessError `witness-request` (400), `witness-log` (404), `witness-signature` (403), `witness-conflict` (409),
 * `witness-proof` (422), with the reason as `cause`; `state-` codes; what `admit` and `accepted` throw
 */
export async function addCheckpoint<T>(
  body: Uint8Array,
  options: AddCheckpointOptions,
  accepted: (added: AddedCheckpoint) => Promise<T> | T,
): Promise<T> {
  const request = refusing('witness-request', () => parseAddCheckpoint(body));
  const { state } = options;
  const { opened, keys } = await openRequested(request, options);
  const { origin, size } = opened.checkpoint;
  if (request.oldSize > size) {
    throw new WitnessError('witness-request', `the old size ${request.oldSize} is above the checkpoint's, ${size}`);
  }
  return state.exclusive(origin, async () => {
    const seen = await seenBefore(origin, keys, state);
    const checkpoint = seenCheckpoint(opened, seen[0]);
    const find = (kind: FindingKind, notes: readonly Uint8Array[], reason: string): Promise<void> =>
      keepFinding(options, {
        kind,
        origin,
        keys: checkpoint.keys,
        notes,
        reason,
        ...(kind === 'unproven' && { proof: request.proof }),
      });

    const same = seen.find((other) => other.size === size);
    if (same !== undefined && !equalBytes(same.root, checkpoint.root)) {
      await find('two-roots', [same.note, checkpoint.note], `the log signed two trees of ${size} entries`);
    }
    const newest = seen[0] ?? NOTHING;
    if (request.oldSize !== newest.size) {
      throw new WitnessError(
        'witness-conflict',
        `the request begins at size ${request.oldSize}, and the newest checkpoint of ${origin} here has ${newest.size}`,
        { size: newest.size },
      );
    }
    try {
      verifyConsistency({
        oldSize: newest.size,
        oldRoot: newest.root,
        newSize: size,
        newRoot: checkpoint.root,
        proof: request.proof,
      });
    } catch (cause) {
      if (!(cause instanceof CoreError)) throw cause;
      // Every tree is consistent with the empty one, and what is wrong with a proof of one tree with itself is not the log's doing.
      if (newest.size > 0 && size > newest.size) {
        const reason = `the proof that ${newest.size} entries grew to ${size} fails: ${cause.message}`;
        await find('unproven', [seen[0]!.note, checkpoint.note], reason);
      }
      throw new WitnessError('witness-proof', cause.message, { cause });
    }
    const isNew = seen[0] === undefined || size > newest.size;
    const isWhole = checkpoint.text === opened.note.text;
    const added = { checkpoint, oldSize: request.oldSize, isNew, isWhole };
    options.admit?.(added);
    // If the process dies here, nothing was promised. If it dies after, the log is held to this checkpoint.
    if (isNew) await state.add(checkpoint);
    else if (hasNewKey(checkpoint, seen[0])) await state.renew(checkpoint);
    return accepted(added);
  });
}

/** Whether the log signed the tree that was seen last with a further key of its own. */
const hasNewKey = ({ signatures }: SeenCheckpoint, newest?: SeenCheckpoint): boolean =>
  signatures.some((line) => newest?.keys.some((key) => isLineOf(line, key)) === false);

/** What was seen of the log, newest first, be it only by an earlier version of the program. */
async function seenBefore(
  origin: string,
  keys: readonly VerifierKey[],
  state: WitnessState,
): Promise<readonly SeenCheckpoint[]> {
  const seen = await state.checkpoints(origin);
  if (seen.length > 0) return seen;
  const earlier = await readEarlierFile(state.directory, origin, keys);
  if (earlier !== undefined) await state.add(earlier);
  return state.checkpoints(origin);
}

/** Verifies the log's signature on a requested checkpoint. */
async function openRequested(
  { checkpoint: bytes }: AddCheckpoint,
  options: AddCheckpointOptions,
): Promise<{ readonly opened: OpenedCheckpoint; readonly keys: readonly VerifierKey[] }> {
  const note = parseSignedNote(bytes);
  const origin = note.text.slice(0, note.text.indexOf('\n'));
  const keys = await options.keysOf(origin);
  if (keys.length === 0) throw new WitnessError('witness-log', `the log ${quote(origin)} is not known here`);
  checkLines(note.signatures, keys);
  const schemes = await loadSchemes(keys.map(({ type }) => type));
  try {
    return { opened: openCheckpoint(bytes, { origin, keys, schemes }), keys };
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    if (cause.code !== 'checkpoint-root') throw new WitnessError('witness-signature', cause.message, { cause });
    const signed = formatSignedNote(signedOnly(note, keys));
    await keepFinding(options, { kind: 'empty-root', origin, keys, notes: [signed], reason: cause.message });
    throw new WitnessError('witness-proof', cause.message, { cause });
  }
}

/**
 * What is evidence of a checkpoint whose lines of known keys are all valid: one line of each of these keys, and no extension lines
 * that none of them covers, which anybody may have put there.
 */
function signedOnly({ text, signatures }: SignedNote, keys: readonly VerifierKey[]): SignedNote {
  const signers = keys.filter((key) => signatures.some((line) => isLineOf(line, key)));
  const coversText = signers.some(({ type }) => type === KEY_TYPE_ED25519);
  // Origin, size and root hash.
  const head = text.split('\n', 3).map((line) => `${line}\n`);
  return {
    text: coversText ? text : head.join(''),
    signatures: signers.map((key) => signatures.find((line) => isLineOf(line, key))!),
  };
}

async function keepFinding(options: AddCheckpointOptions, found: Omit<Finding, 'time'>): Promise<void> {
  const finding = { ...found, time: options.now() };
  const kept = await options.evidence.keep(finding);
  options.onFinding?.(finding, kept);
}
