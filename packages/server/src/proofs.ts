import { CoreError, formatAddCheckpoint, formatBase64, formatTlogProof } from '@vitrine/core';
import type { Log, LogCheckpoint } from '@vitrine/core/log';
import type { Context, Hono } from 'hono';
import { requirePublished } from './checkpoints.ts';
import { ServerError } from './error.ts';
import { JSON_TYPE, TEXT_TYPE } from './media-types.ts';
import type { ServerEnv } from './observed.ts';
import { decimalOf, hashOf, queryOf } from './query.ts';

/** What a log is asked for proofs. */
export type ProvingLog = Pick<
  Log,
  'origin' | 'description' | 'checkpoint' | 'cosignedCheckpoint' | 'indexOf' | 'proveInclusion' | 'proveConsistency'
>;

const HEADERS = { 'cache-control': 'no-cache', 'access-control-allow-origin': '*', vary: 'Accept' };

/** Adds `/proof/inclusion` and `/proof/consistency`: text as C2SP has it, or JSON for who accepts that. */
export function proofRoutes(
  app: Hono<ServerEnv>,
  log: ProvingLog,
  { published }: { published(): LogCheckpoint | undefined },
): void {
  app.get('/proof/inclusion', async (c) => {
    const query = queryOf(c.req, ['index', 'leaf-hash', 'size']);
    const index = await indexOf(log, query);
    const tree = treeOf(log, published, decimalOf(query['size'], 'size'));
    if (index >= tree.size) {
      throw new CoreError('log-range', `leaf ${index} is not in the tree of ${tree.size} entries: ask again later`);
    }
    const { leafHash, proof, root } = await log.proveInclusion(index, tree.size);
    if (wantsJson(c)) {
      const { size } = tree;
      return json({
        origin: log.origin,
        index,
        leafHash: formatBase64(leafHash),
        size,
        root: formatBase64(root),
        proof,
      });
    }
    return text(formatTlogProof({ index, proof, checkpoint: noteOf(tree) }));
  });

  app.get('/proof/consistency', async (c) => {
    const query = queryOf(c.req, ['old', 'size']);
    const oldSize = decimalOf(query['old'], 'old');
    if (oldSize === undefined) throw new ServerError('http-malformed', 'say the old size with old=');
    const tree = treeOf(log, published, decimalOf(query['size'], 'size'));
    if (oldSize > tree.size)
      throw new CoreError('log-range', `the old size ${oldSize} exceeds the new one, ${tree.size}`);
    const { proof, oldRoot, newRoot } = await log.proveConsistency(oldSize, tree.size);
    if (wantsJson(c)) {
      const [old, root] = [oldRoot, newRoot].map(formatBase64);
      return json({ origin: log.origin, oldSize, oldRoot: old, size: tree.size, root, proof });
    }
    return text(formatAddCheckpoint({ oldSize, proof, checkpoint: noteOf(tree) }));
  });
}

async function indexOf(log: ProvingLog, query: Readonly<Record<string, string | undefined>>): Promise<number> {
  const index = decimalOf(query['index'], 'index');
  const hex = query['leaf-hash'];
  if ((index === undefined) === (hex === undefined)) {
    throw new ServerError('http-malformed', 'name the leaf either with index= or with leaf-hash=');
  }
  if (index !== undefined) return index;
  const leafHash = hashOf(hex!, 'leaf-hash');
  // Finding it there would take reading all of the log.
  if (log.description.duplicates) {
    throw new ServerError('http-malformed', 'in a log that allows duplicates, name the leaf with index=');
  }
  const found = await log.indexOf(leafHash);
  if (found === undefined) throw new ServerError('entry-missing', `the log has no leaf ${hex}`);
  return found;
}

/** A tree, with its signed checkpoint if there still is one. */
interface Tree {
  readonly size: number;
  readonly note?: Uint8Array;
}

/** The tree of a size; that of the published checkpoint if none is named. @throws CoreError `log-range` */
function treeOf(log: ProvingLog, published: () => LogCheckpoint | undefined, size: number | undefined): Tree {
  if (size === undefined) return requirePublished(published());
  const signed = log.checkpoint();
  const kept = [published(), signed, log.cosignedCheckpoint()].find((checkpoint) => checkpoint?.size === size);
  if (kept !== undefined) return kept;
  if (size > signed.size) {
    throw new CoreError('log-range', `the newest checkpoint has ${signed.size} entries, not ${size}`);
  }
  return { size };
}

/** @throws CoreError `checkpoint-missing` */
function noteOf({ size, note }: Tree): Uint8Array {
  if (note !== undefined) return note;
  throw new ServerError(
    'checkpoint-missing',
    `the log keeps no checkpoint of ${size} entries, and the text of a proof ends with one: accept ${JSON_TYPE}`,
  );
}

function wantsJson(c: Context<ServerEnv>): boolean {
  return (c.req.header('accept') ?? '').toLowerCase().includes(JSON_TYPE);
}

function text(bytes: Uint8Array): Response {
  return new Response(bytes, { headers: { 'content-type': TEXT_TYPE, ...HEADERS } });
}

function json({ proof, ...rest }: { readonly proof: readonly Uint8Array[] } & Record<string, unknown>): Response {
  const body = JSON.stringify({ ...rest, proof: proof.map(formatBase64) });
  return new Response(`${body}\n`, { headers: { 'content-type': JSON_TYPE, ...HEADERS } });
}
