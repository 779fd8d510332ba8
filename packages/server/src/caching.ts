import { sha256 } from '@vitrine/core';
import type { Context } from 'hono';

/** For what never changes. */
export const IMMUTABLE = 'public, max-age=31536000, immutable';
/** For what changes with each checkpoint. */
export const SHORT = 'public, max-age=2';
/** For what must be the newest: asked for again each time, and answered with 304 if it is the same. */
export const FRESH = 'no-cache';

/** What is answered to who asks for it, as often as it is asked for. */
export interface Resource {
  readonly bytes: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** The headers of an answer that any page may read, by RFC 9110, section 8.8.3, and RFC 9111. */
export function resource(bytes: Uint8Array, type: string, cacheControl: string): Resource {
  return {
    bytes,
    headers: {
      'content-type': type,
      'content-length': String(bytes.length),
      'cache-control': cacheControl,
      etag: etagOf(bytes),
      'access-control-allow-origin': '*',
    },
  };
}

function etagOf(bytes: Uint8Array): string {
  return `"${Buffer.from(sha256(bytes).subarray(0, 15)).toString('base64url')}"`;
}

/** Answers with a resource, or with 304 to who has it. */
export function respond(c: Context, { bytes, headers }: Resource): Response {
  const known = c.req.header('if-none-match');
  if (known !== undefined && matches(known, headers['etag']!)) {
    const { 'content-length': _length, 'content-type': _type, ...rest } = headers;
    return new Response(null, { status: 304, headers: rest });
  }
  return new Response(bytes, { headers });
}

/** RFC 9110, section 13.1.2: a list of entity tags, compared weakly, or `*`. */
function matches(ifNoneMatch: string, etag: string): boolean {
  return ifNoneMatch.split(',').some((item) => {
    const tag = item.trim();
    return tag === '*' || tag.replace(/^W\//, '') === etag;
  });
}
