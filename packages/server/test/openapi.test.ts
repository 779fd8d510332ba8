import { encodeCbor, formatBundle, formatVkey, leafHash, streamKey } from '@vitrine/core';
import type { Payload } from '@vitrine/signer';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { Metrics } from '../src/metrics.ts';
import { hex, ServedLog, utf8, VENDOR } from './support/served-log.ts';

interface Operation {
  readonly responses: Record<string, { readonly content?: Record<string, { readonly schema: object }> }>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: object };
}

const BUILD: Payload = {
  type: 'build',
  product: 'tool',
  version: '1',
  channel: 'stable',
  artifacts: [{ name: 'a', size: 1, sha256: new Uint8Array(32) }],
};

async function everything(): Promise<{ served: ServedLog; release: Uint8Array; document: Document }> {
  const served = await ServedLog.create({ kind: 'statements', metrics: new Metrics() });
  await served.admitVendor();
  const release = await served.sign(BUILD);
  await served.log.append(release);
  const response = await served.get('/openapi.json');
  expect(response.headers.get('content-type')).toBe('application/json');
  return { served, release, document: (await response.json()) as Document };
}

test('every route is in the document, and nothing else', async () => {
  const { served, document } = await everything();
  const routes = served.app.routes
    .filter(({ method, path }) => method !== 'ALL' && method !== 'OPTIONS' && path !== '/*')
    .map(({ method, path }) => {
      const template = path === '/tile/*' ? '/tile/{level}/{index}' : path.replace(/:(\w+)/g, '{$1}');
      return `${method.toLowerCase()} ${template}`;
    });
  const documented = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method} ${path}`),
  );
  expect(documented.sort()).toEqual(routes.sort());
});

test('every answer is one that the document has, by its status, its type and its form', async () => {
  const { served, release, document } = await everything();
  const ajv = new Ajv2020({ strict: false, allErrors: true, formats: { binary: true } });
  ajv.addSchema({ $id: 'doc', components: document.components });
  const stranger = await served.sign(BUILD);
  const next = await served.sign({ ...BUILD, version: '2' } as Payload);
  const head = hex(streamKey({ type: 'build', issuer: VENDOR.vkey.keyName, stream: 'tool/stable' }));
  const json = { accept: 'application/json' };
  const asked: [
    status: number,
    template: string,
    path: string,
    body?: Uint8Array | string | undefined,
    headers?: Record<string, string>,
  ][] = [
    [200, '/', '/'],
    [200, '/openapi.json', '/openapi.json'],
    [200, '/checkpoint', '/checkpoint'],
    [304, '/checkpoint', '/checkpoint', undefined, { 'if-none-match': '*' }],
    [200, '/checkpoint/newest', '/checkpoint/newest'],
    [200, '/tile/{level}/{index}', '/tile/0/000.p/4'],
    [200, '/tile/{level}/{index}', '/tile/entries/000.p/4'],
    [404, '/tile/{level}/{index}', '/tile/0/00'],
    [404, '/tile/{level}/{index}', '/tile/0/000'],
    [200, '/description', '/description'],
    [200, '/proof/inclusion', '/proof/inclusion?index=1'],
    [200, '/proof/inclusion', '/proof/inclusion?index=1&size=3', undefined, json],
    [400, '/proof/inclusion', '/proof/inclusion'],
    [404, '/proof/inclusion', '/proof/inclusion?index=100'],
    [200, '/proof/consistency', '/proof/consistency?old=1'],
    [200, '/proof/consistency', '/proof/consistency?old=1&size=3', undefined, json],
    [400, '/proof/consistency', '/proof/consistency'],
    [404, '/proof/consistency', '/proof/consistency?old=100'],
    [200, '/bundle/{leafHash}', `/bundle/${hex(leafHash(release))}`],
    [400, '/bundle/{leafHash}', '/bundle/0'],
    [404, '/bundle/{leafHash}', `/bundle/${'0'.repeat(64)}`],
    [200, '/heads/{name}', `/heads/${head}.vitrine`],
    [404, '/heads/{name}', `/heads/${'0'.repeat(64)}.vitrine`],
    [200, '/derived', '/derived', encodeCbor([utf8('x')])],
    [400, '/derived', '/derived', 'x'],
    [413, '/derived', '/derived', new Uint8Array(1_000_000)],
    [200, '/derived/{prefix}', '/derived/6c'],
    [400, '/derived/{prefix}', '/derived/6'],
    [200, '/add', '/add', next],
    [400, '/add', '/add', 'x'],
    [403, '/add', '/add', stranger.with(stranger.length - 1, stranger.at(-1)! ^ 1)],
    [413, '/add', '/add', new Uint8Array(70_000)],
    [415, '/add', '/add', 'x', { 'content-encoding': 'gzip' }],
    [200, '/add-batch', '/add-batch', formatBundle([next, release])],
    [400, '/add-batch', '/add-batch', 'x'],
    [200, '/healthz', '/healthz'],
    [200, '/metrics', '/metrics'],
  ];
  const seen = new Set<string>();
  for (const [status, template, path, body, headers] of asked) {
    const method = body === undefined ? 'get' : 'post';
    const response = body === undefined ? await served.get(path, headers) : await served.post(path, body, headers);
    expect([path, response.status]).toEqual([path, status]);
    seen.add(`${method} ${template}`);
    const documented = document.paths[template]?.[method]?.responses[status];
    expect(documented, `${method} ${template} ${status}`).toBeDefined();
    if (documented!.content === undefined) {
      expect(await response.text()).toBe('');
      continue;
    }
    const type = response.headers.get('content-type')!;
    const content = documented!.content[type];
    expect(content, `${path}: ${type} among ${Object.keys(documented!.content)}`).toBeDefined();
    const text = await response.text();
    const value: unknown = type.includes('json') ? JSON.parse(text) : text;
    const schema = JSON.parse(JSON.stringify(content!.schema).replaceAll('"#/', '"doc#/'));
    const isValid: boolean = ajv.validate(schema, value);
    expect(isValid, `${path}: ${ajv.errorsText()}`).toBe(true);
  }
  expect(seen.size).toBe(Object.values(document.paths).flatMap((operations) => Object.keys(operations)).length);
  expect(formatVkey(served.log.key)).toBeDefined();
});
