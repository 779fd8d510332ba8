import { CoreError } from '../error.ts';

/** What a server says of a request that it refused. RFC 9457, with the stable code of this project. */
export interface Problem {
  readonly code: string;
  /** For people, in the server's words. */
  readonly detail: string;
}

/** A server that could not be asked, or did not answer as it has to. Its code is `log-http`. */
export class HttpError extends CoreError {
  override readonly name: string = 'HttpError';
  /** Undefined if there was no answer. */
  readonly status: number | undefined;
  /** Undefined if the server said nothing that can be read. */
  readonly problem: Problem | undefined;

  constructor(
    message: string,
    {
      status,
      problem,
      cause,
    }: { readonly status?: number; readonly problem?: Problem | undefined; readonly cause?: unknown } = {},
  ) {
    super('log-http', message, { cause });
    this.status = status;
    this.problem = problem;
  }
}

const MAX_DETAIL = 1000;

/** The problem in an answer's body; undefined if there is none. Whatever else is in it is not looked at. */
export function parseProblem(contentType: string | null, body: Uint8Array): Problem | undefined {
  if (!/^application\/problem\+json\b/i.test(contentType ?? '')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(body));
  } catch {
    // Then its status says all that is known.
    return undefined;
  }
  const { code, detail } = (value ?? {}) as Record<string, unknown>;
  if (typeof code !== 'string' || !/^[a-z0-9-]{1,64}$/.test(code)) return undefined;
  return { code, detail: typeof detail === 'string' ? detail.slice(0, MAX_DETAIL) : '' };
}
