import { formatBase64, parseBase64 } from '../bytes/base64.ts';
import { parseDecimal } from '../bytes/decimal.ts';
import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import { EMPTY_ROOT, HASH_SIZE } from '../tree/hash.ts';
import { reading } from './reading.ts';
import { isNoteText } from './text.ts';

/** What a log says of its tree, in the text of a note. https://c2sp.org/tlog-checkpoint#note-text */
export interface Checkpoint {
  /** The log's identity: not empty, one line. */
  readonly origin: string;
  /** Leaves in the tree. */
  readonly size: number;
  /** The tree's root hash, 32 bytes. */
  readonly root: Uint8Array;
  /** Further lines, none of them empty. An ML-DSA-44 signature does not cover them. */
  readonly extensions: readonly string[];
}

const malformed = (message: string, cause?: unknown): CoreError =>
  new CoreError('checkpoint-malformed', message, { cause });

function check({ origin, root, extensions }: Checkpoint): void {
  const lines = [origin, ...extensions];
  if (lines.includes('')) throw malformed('a checkpoint has no empty lines');
  if (lines.some((line) => line.includes('\n')) || !isNoteText(lines.join('\n')))
    throw malformed('a checkpoint has no control characters in its lines');
  if (root.length !== HASH_SIZE) throw malformed(`a root hash is ${HASH_SIZE} bytes, found ${root.length}`);
}

/**
 * Refuses a tree of size 0 that has another root than the empty tree. https://c2sp.org/tlog-witness#add-checkpoint
 *
 * @throws CoreError `checkpoint-root`
 */
export function checkEmptyRoot({ size, root }: Pick<Checkpoint, 'size' | 'root'>): void {
  if (size !== 0 || equalBytes(root, EMPTY_ROOT)) return;
  throw new CoreError(
    'checkpoint-root',
    'the root hash of an empty tree is the hash of the empty string, found another',
  );
}

/**
 * Reads the text of a checkpoint: origin, size, root hash and extension lines, each with its newline; exactly what
 * {@link formatCheckpoint} writes. A tree of size 0 must have the empty tree's root. Unverified: `openCheckpoint` reads
 * and verifies. https://c2sp.org/tlog-checkpoint#note-text
 *
 * @throws CoreError `checkpoint-malformed`, `checkpoint-root`
 */
export function parseCheckpoint(text: string): Checkpoint {
  const checkpoint = readCheckpoint(text);
  checkEmptyRoot(checkpoint);
  return checkpoint;
}

/** As {@link parseCheckpoint}, but an empty tree may have any root: who signed that one has to be known first. */
export function readCheckpoint(text: string): Checkpoint {
  if (!text.endsWith('\n')) throw malformed('the text of a checkpoint ends in a newline');
  const [origin, size, root, ...extensions] = text.slice(0, -1).split('\n');
  if (origin === undefined || size === undefined || root === undefined) {
    throw malformed('a checkpoint has at least three lines: origin, tree size and root hash');
  }
  const checkpoint = {
    origin,
    size: reading(malformed, () => parseDecimal(size, 'the tree size')),
    root: reading(malformed, () => parseBase64(root, 'the root hash')),
    extensions,
  };
  check(checkpoint);
  return checkpoint;
}

/**
 * Writes the text of a checkpoint, for a note.
 *
 * @throws CoreError `checkpoint-malformed` or `checkpoint-root` if {@link parseCheckpoint} would refuse it
 * @throws RangeError if `size` is not a safe integer from 0
 */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const { origin, size, root, extensions } = checkpoint;
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError('size must be an integer from 0 to 2^53 - 1');
  check(checkpoint);
  checkEmptyRoot(checkpoint);
  return [origin, size, formatBase64(root), ...extensions].map((line) => `${line}\n`).join('');
}
