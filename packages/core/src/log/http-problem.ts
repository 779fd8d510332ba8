import { CoreError } from '../error.ts';

/**
 * A server's refusal in its own words: https://www.rfc-editor.org/rfc/rfc9457, with one of this project's codes. Neither is
 * verified: they are what the server says.
 */
export class HttpProblem extends CoreError {
  override readonly name: string = 'HttpProblem';
  readonly status: number;
  /** The code that the server gives; one that this program may not know. */
  readonly problem: string;
  readonly detail: string;

  constructor({
    status,
    problem,
    detail,
  }: { readonly status: number; readonly problem: string; readonly detail: string }) {
    super('fetch-failed', `the server refuses it with status ${status}, ${problem}: ${detail}`);
    this.status = status;
    this.problem = problem;
    this.detail = detail;
  }
}

/** Bytes of a problem that are looked at. */
export const MAX_PROBLEM_SIZE = 16_384;
const MAX_DETAIL = 1000;

/** The problem in an answer; undefined if there is none that can be read: then its status says all that is known. */
export function parseProblem({ status, headers }: Response, body: Uint8Array): HttpProblem | undefined {
  if (status < 400 || !/^application\/problem\+json\b/i.test(headers.get('content-type') ?? '')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
  const { code, detail } = (value ?? {}) as Record<string, unknown>;
  if (typeof code !== 'string' || !/^[a-z0-9-]{1,64}$/.test(code) || typeof detail !== 'string') return undefined;
  return new HttpProblem({ status, problem: code, detail: detail.slice(0, MAX_DETAIL) });
}
