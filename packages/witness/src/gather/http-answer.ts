import { WitnessError } from '../error.ts';

/** A request to a witness. */
export interface HttpQuestion {
  readonly url: string;
  /** Posted; without one the request is a GET. */
  readonly body?: Uint8Array;
  /** Of what is posted: it is text if they do not say otherwise. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly fetch: typeof globalThis.fetch;
  /** Milliseconds for all of it. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

/** What came back, whole. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** Most bytes of an answer: 64 post-quantum signature lines have fewer. */
const MAX_ANSWER_SIZE = 1 << 18;

/**
 * Asks a server once, and goes nowhere else, whatever it says.
 *
 * @throws WitnessError `witness-unreachable`; `witness-answer` for a redirection and for an answer that is too long; the reason of
 * `signal`, if it is aborted
 */
export async function askOnce({ url, body, headers: sent, fetch, timeout, signal }: HttpQuestion): Promise<HttpAnswer> {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const abort = (): void => controller.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(() => controller.abort(new Error(`no answer within ${timeout / 1000} s`)), timeout);
  try {
    const response = await fetch(url, {
      redirect: 'manual',
      signal: controller.signal,
      ...(body && {
        method: 'POST',
        body: new Uint8Array(body),
        headers: { 'content-type': 'text/plain; charset=utf-8', ...sent },
      }),
    });
    const { status, headers } = response;
    // A browser shows 0 for a redirection that it does not follow.
    if (status < 200 || (status >= 300 && status < 400)) {
      await response.body?.cancel();
      throw new WitnessError('witness-answer', 'it answers with a redirection, which is not followed');
    }
    return { status, headers, body: await readAnswer(response) };
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof WitnessError) throw cause;
    throw new WitnessError('witness-unreachable', reasonOf(cause), { cause });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

async function readAnswer({ body }: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop cancels the stream.
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_ANSWER_SIZE) {
      throw new WitnessError('witness-answer', `its answer is longer than ${MAX_ANSWER_SIZE} bytes`);
    }
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** What is below "fetch failed". */
function reasonOf(error: unknown): string {
  let reason = error;
  while (reason instanceof Error && reason.cause instanceof Error) reason = reason.cause;
  if (!(reason instanceof Error)) return String(reason);
  return reason.message || String((reason as { code?: unknown }).code ?? reason.name);
}
