import { formatBase64 } from '@vitrine/core';
import type { LogReading } from '@vitrine/core/log';
import { type Statement, statementOf } from '@vitrine/signer';

/** A leaf of the log that a statement speaks of. */
interface Mention {
  readonly index: number;
  /** If the entry is a statement. */
  readonly statement?: Statement;
}

/** What a statement speaks of, by the leaf hash in base64, as far as it was found. */
export type Mentions = ReadonlyMap<string, Mention>;

/** Nothing was looked for. */
export const NO_MENTIONS: Mentions = new Map();

/** The leaf hashes of the other statements that a statement speaks of. */
function mentionedLeaves({ payload }: Statement): Uint8Array[] {
  const leaves = 'subject' in payload ? [payload.subject] : [];
  if ('source' in payload) leaves.push(payload.source);
  if ('previous' in payload) leaves.push(payload.previous);
  if ('replacement' in payload) leaves.push(payload.replacement);
  return leaves;
}

/** Looks up what a statement speaks of; not where a leaf is found only by reading all of them. @throws CoreError `log-corrupt`, and what the store throws */
export async function mentionsIn(log: LogReading, statement: Statement): Promise<Mentions> {
  if (!log.answersDerived) return NO_MENTIONS;
  const mentions = new Map<string, Mention>();
  for (const leafHash of mentionedLeaves(statement)) {
    const index = await log.indexOf(leafHash);
    if (index === undefined) continue;
    const mentioned = statementOf(await log.entry(index));
    mentions.set(formatBase64(leafHash), { index, ...(mentioned !== undefined && { statement: mentioned }) });
  }
  return mentions;
}
