import type { Log } from '@vitrine/core/log';
import type { Hono } from 'hono';
import { FRESH, resource, respond } from './caching.ts';
import { JSON_TYPE, TEXT_TYPE } from './media-types.ts';
import type { ServerEnv } from './observed.ts';
import { openApi } from './openapi.ts';

/** Adds what this is, for people at `/` and for programs at `/openapi.json`. */
export function aboutRoutes(app: Hono<ServerEnv>, { origin, description }: Pick<Log, 'origin' | 'description'>): void {
  const what = description.mirror ? `a mirror of ${origin}` : origin;
  const text = `This is ${what}, a transparency log served by Vitrine.

/checkpoint       its newest published checkpoint, a signed note (https://c2sp.org/tlog-checkpoint)
/tile/...         its Merkle tree and its entries (https://c2sp.org/tlog-tiles)
/openapi.json     everything else that can be asked here
`;
  const about = resource(new TextEncoder().encode(text), TEXT_TYPE, FRESH);
  app.get('/', (c) => respond(c, about));
  const document = new TextEncoder().encode(`${JSON.stringify(openApi(origin), undefined, 2)}\n`);
  const described = resource(document, JSON_TYPE, FRESH);
  app.get('/openapi.json', (c) => respond(c, described));
}
