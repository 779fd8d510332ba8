import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { formatSignatureLines, type NoteSignature } from '@vitrine/core';
import { Hono } from 'hono';
import { WitnessError } from '../error.ts';
import { answer, errorAnswer, PLAIN, problem } from '../http/answer.ts';
import { bodyBudget, MAX_BODY_SIZE, withBody } from '../http/read-body.ts';
import { originHash } from '../witness/origin-hash.ts';
import { type AddEntriesAnswer, addEntries } from './add-entries.ts';
import { ByteStream } from './byte-stream.ts';
import type { Mirror } from './mirror.ts';
import { formatMirrorInfo, MIRROR_INFO_TYPE } from './mirror-info.ts';
import { Uploads } from './uploads.ts';

/** How a mirror is served. */
export interface MirrorAppOptions {
  readonly mirror: Mirror;
  /** Called once a checkpoint was added whose entries are not all there: whoever pulls can do so now. */
  readonly onPending?: (() => void) | undefined;
  /** Milliseconds for which a log that wants the index vouched for waits until its entries are copied. */
  readonly waitTimeout?: number | undefined;
  /** Told of faults of the mirror itself. */
  readonly onFault?: ((error: unknown) => void) | undefined;
}

// Less than a log waits for a witness.
const WAIT_TIMEOUT = 8_000;
/** Seconds for which a cosignature is given again, before a new one is made. */
const RENEWAL = 5;
/** Uploads at a time: each can have a package of 16 MiB in memory. */
const MAX_UPLOADS = 16;
const BODY_BUDGET = 64 << 20;
/** Bytes of a compressed body that are read before they are needed. */
const READ_AHEAD = 16_384;
const ENTRIES_TYPE = 'application/octet-stream';
const REFUSALS = { 400: 'witness-request', 404: 'witness-log', 422: 'witness-proof' } as const;
/** The monitoring prefix of whoever vouches for the index, which is another cosigner than the mirror. */
const INDEX_PREFIX = '/index';

/**
 * The endpoints of a mirror's submission prefix, and the monitoring prefix `/index/` of its keys that vouch for the index. The copy
 * itself is served elsewhere. https://c2sp.org/tlog-mirror#updating-a-mirror
 */
export function mirrorApp({ mirror, onPending, waitTimeout = WAIT_TIMEOUT, onFault }: MirrorAppOptions): Hono {
  const app = new Hono();
  const budget = bodyBudget(BODY_BUDGET);
  const uploads = new Uploads(MAX_UPLOADS);

  app.post('/add-checkpoint', async (c) => {
    const limit = MAX_BODY_SIZE;
    const { checkpoint } = await withBody(c.req.raw, { limit, budget }, (body) => mirror.pending.add(body));
    // Anybody can send the newest one again and again.
    if (checkpoint.size > mirror.replica.size || mirror.replica.published() === undefined) onPending?.();
    // The mirror itself signs when the entries are there. https://c2sp.org/tlog-mirror#add-checkpoint
    if (!mirror.vouchesForIndex) return answer(new Uint8Array(0), PLAIN);
    return indexAnswer(mirror, checkpoint.size, waitTimeout);
  });

  app.post('/add-entries', async (c) => {
    const { headers, body } = c.req.raw;
    // Neither depends on case. https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1
    const encoding = headers.get('content-encoding')?.toLowerCase() ?? 'identity';
    if (headers.get('content-type')?.toLowerCase() !== ENTRIES_TYPE || !['gzip', 'identity'].includes(encoding)) {
      const detail = `entries come as ${ENTRIES_TYPE}, as they are or with gzip`;
      return accepting(problem({ status: 415, code: 'witness-request', detail }));
    }
    if (!uploads.makeRoom()) return accepting(tooMany());
    const stream = openBody(body, encoding === 'gzip');
    uploads.add(stream);
    try {
      const result = await addEntries(mirror, stream, () => uploads.advanced(stream));
      const madeRoom = uploads.end(stream);
      if (madeRoom && result.status === 400) return accepting(tooMany());
      return accepting(entriesAnswer(result));
    } catch (error) {
      if (!(error instanceof WitnessError)) throw error;
      return accepting(errorAnswer(error, onFault));
    } finally {
      uploads.end(stream);
      await stream.cancel();
    }
  });

  app.get(`${INDEX_PREFIX}/${originHash(mirror.origin)}/checkpoint`, () => {
    const note = mirror.indexCheckpoint();
    if (note === undefined) {
      const detail = 'nobody has vouched here for the index of a checkpoint';
      return problem({ status: 404, code: 'witness-log', detail });
    }
    return answer(note, PLAIN, { 'access-control-allow-origin': '*', 'cache-control': 'no-cache' });
  });

  app.onError((error) => {
    // What else goes wrong, here or in what is served beside this, whoever serves it all has an answer for.
    if (!(error instanceof WitnessError)) throw error;
    return errorAnswer(error, onFault);
  });
  return app;
}

/** Waits until the entries are copied and the index is derived, and answers as a witness does. */
async function indexAnswer(mirror: Mirror, size: number, timeout: number): Promise<Response> {
  const found = mirror.replica.falseIndex(size);
  if (found !== undefined || !(await mirror.waitFor(size, timeout))) {
    const detail = found?.message ?? `the mirror does not have all ${size} entries yet, or their index is not right`;
    return problem({ status: 503, code: 'mirror-behind', detail, retryAfter: 1 });
  }
  if (mirror.replica.size === size) await mirror.renew(size, RENEWAL);
  if (mirror.replica.size === size) return answer(signatureLines(mirror.indexCosignatures()), PLAIN);
  // A larger one is there by now: of this one nobody says any more that it is the largest.
  throw new WitnessError('witness-conflict', 'the log has grown', { size: (await mirror.pending.newest())!.size });
}

function entriesAnswer(result: AddEntriesAnswer): Response {
  switch (result.status) {
    case 200:
      return answer(signatureLines(result.signatures), PLAIN);
    case 202:
    case 409:
      return answer(new TextEncoder().encode(formatMirrorInfo(result.info)), MIRROR_INFO_TYPE, {}, result.status);
    default:
      return problem({ status: result.status, code: REFUSALS[result.status], detail: result.reason });
  }
}

function tooMany(): Response {
  return problem({ status: 503, code: 'witness-limit', detail: 'too many uploads at one time', retryAfter: 1 });
}

/** A mirror without a key has none to answer with. */
const signatureLines = (signatures: readonly NoteSignature[]): Uint8Array =>
  signatures.length === 0 ? new Uint8Array(0) : formatSignatureLines(signatures);

/** Says how entries can be compressed. RFC 7694 */
function accepting(response: Response): Response {
  response.headers.set('accept-encoding', 'gzip');
  return response;
}

/** Opens the body of a request, to be read as it comes. */
function openBody(body: ReadableStream<Uint8Array> | null, isCompressed: boolean): ByteStream {
  if (body === null) return new ByteStream(Readable.from([]));
  const source = Readable.fromWeb(body as never, { highWaterMark: READ_AHEAD });
  let chunks: Readable = source;
  if (isCompressed) {
    // Not a DecompressionStream: that expands all that comes, whether or not anybody reads it.
    const expanded = createGunzip();
    pipeline(source, expanded, () => {});
    chunks = expanded;
  }
  // What breaks off shows when it is read.
  for (const stream of [source, chunks]) stream.on('error', () => {});
  return new ByteStream(chunks, () => source.destroy());
}
