import { BUNDLE_TYPE, CBOR_TYPE, JSON_TYPE, OCTETS_TYPE, PROBLEM_TYPE, TEXT_TYPE } from './media-types.ts';

type Schema = Readonly<Record<string, unknown>>;

const SAFE_INTEGER: Schema = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
const HASH: Schema = { type: 'string', description: 'a SHA-256 hash in base64', pattern: '^[A-Za-z0-9+/]{43}=$' };
const HEX: Schema = { type: 'string', pattern: '^[0-9a-f]{64}$' };
const METRICS = 'text/plain; version=0.0.4; charset=utf-8';
const BINARY: Schema = { type: 'string', format: 'binary' };
const NUMBER_LINE: Schema = { type: 'string', pattern: '^([0-9]+\\n)+$' };

const proofSchema = (properties: Readonly<Record<string, Schema>>): Schema => {
  const all = { origin: { type: 'string' }, ...properties, size: SAFE_INTEGER, root: HASH };
  const proof = { type: 'array', items: HASH, maxItems: 63 };
  return {
    type: 'object',
    properties: { ...all, proof },
    required: [...Object.keys(all), 'proof'],
    additionalProperties: false,
  };
};

const content = (types: Readonly<Record<string, Schema>>): Schema => ({
  content: Object.fromEntries(Object.entries(types).map(([type, schema]) => [type, { schema }])),
});

const problems = (responses: Readonly<Record<string, string>>): Schema =>
  Object.fromEntries(
    Object.entries(responses).map(([status, description]) => [
      status,
      { description, ...content({ [PROBLEM_TYPE]: { $ref: '#/components/schemas/Problem' } }) },
    ]),
  );

/** What can be had with GET: what does not change is answered with 304 to who has it. */
function reading(summary: string, types: Readonly<Record<string, Schema>>, more: Partial<Operation> = {}): Schema {
  const { parameters = [], refusals = {}, isTagged = true } = more;
  return {
    get: {
      summary,
      ...(parameters.length > 0 && { parameters }),
      responses: {
        200: { description: 'What was asked for.', ...content(types) },
        ...(isTagged && { 304: { description: 'The client has it: If-None-Match has its entity tag.' } }),
        ...problems(refusals),
      },
    },
  };
}

interface Operation {
  readonly parameters: readonly Schema[];
  readonly refusals: Readonly<Record<string, string>>;
  readonly isTagged: boolean;
}

const query = (name: string, description: string, schema: Schema): Schema => ({
  name,
  in: 'query',
  description,
  schema,
});
const inPath = (name: string, description: string, schema: Schema): Schema => ({
  name,
  in: 'path',
  required: true,
  description,
  schema,
});

function submitting(summary: string, type: Schema, description: string): Schema {
  return {
    post: {
      summary,
      parameters: [query('wait', 'Answer once the published checkpoint covers the entries.', { enum: ['witnessed'] })],
      requestBody: { required: true, description, ...content({ [OCTETS_TYPE]: type }) },
      responses: {
        200: {
          description: 'The index of each entry, a line for each, once it is durable.',
          ...content({ [TEXT_TYPE]: NUMBER_LINE }),
        },
        ...problems({
          400: 'The body is no entry, or none that this log can take.',
          401: 'This log takes entries from those who have a token.',
          403: 'The log does not admit the statement, or is only read here.',
          409: 'The log takes nothing: its witnesses have not answered yet, or know a larger tree.',
          413: 'The body is too long.',
          415: 'The body is compressed.',
          503: 'Too much waits to be written or is sent at once, or the log failed: Retry-After says when to try again.',
          504: 'The entries are logged, and not cosigned yet: do not append them again.',
        }),
      },
      security: [{}, { token: [] }],
    },
  };
}

const SIZE = query('size', 'Of the tree; that of the published checkpoint if it is left out.', SAFE_INTEGER);

/** The OpenAPI document of a log's server: https://spec.openapis.org/oas/v3.1.1.html */
export function openApi(origin: string): Schema {
  return {
    openapi: '3.1.1',
    info: {
      title: origin,
      summary: 'A transparency log',
      version: '1',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths: {
      '/': reading('What this is.', { [TEXT_TYPE]: { type: 'string' } }),
      '/openapi.json': reading('This document.', { [JSON_TYPE]: { type: 'object' } }),
      '/checkpoint': reading(
        'The newest published checkpoint: https://c2sp.org/tlog-tiles#checkpoints',
        { [TEXT_TYPE]: { type: 'string' } },
        {
          refusals: { 404: 'Too few witnesses have cosigned any.' },
        },
      ),
      '/checkpoint/newest': reading('The newest signed checkpoint, whoever has cosigned it.', {
        [TEXT_TYPE]: { type: 'string' },
      }),
      '/tile/{level}/{index}': reading(
        'Hashes: https://c2sp.org/tlog-tiles#merkle-tree. The index has slashes in it from 1000 on.',
        { [OCTETS_TYPE]: BINARY },
        {
          parameters: [
            inPath('level', '0 to 63, or "entries" for an entry bundle.', {
              type: 'string',
              pattern: '^(entries|[0-9]{1,2})$',
            }),
            inPath('index', 'As tlog-tiles writes it, with .p/<width> for a partial one.', {
              type: 'string',
              pattern: '^(x[0-9]{3}/)*[0-9]{3}(\\.p/[0-9]{1,3})?$',
            }),
          ],
          refusals: { 404: 'No path of a tile, or one that the newest signed checkpoint does not have.' },
        },
      ),
      '/description': reading('What the log was created with.', {
        [JSON_TYPE]: { $ref: '#/components/schemas/Description' },
      }),
      '/proof/inclusion': reading(
        'That an entry is in the log: https://c2sp.org/tlog-proof',
        {
          [TEXT_TYPE]: { type: 'string' },
          [JSON_TYPE]: { $ref: '#/components/schemas/Inclusion' },
        },
        {
          parameters: [
            query('index', 'Of the leaf.', SAFE_INTEGER),
            query('leaf-hash', 'Of the leaf, in hexadecimal digits.', HEX),
            SIZE,
          ],
          refusals: {
            400: 'The leaf is not named in one of the two ways.',
            404: 'The log has no such leaf, or no tree of that size, or no checkpoint of it to put into the text.',
          },
          isTagged: false,
        },
      ),
      '/proof/consistency': reading(
        'That the log only grew, as an add-checkpoint request of https://c2sp.org/tlog-witness',
        {
          [TEXT_TYPE]: { type: 'string' },
          [JSON_TYPE]: { $ref: '#/components/schemas/Consistency' },
        },
        {
          parameters: [query('old', 'The old size.', SAFE_INTEGER), SIZE],
          refusals: {
            400: 'There is no old size.',
            404: 'The log has no tree of that size, or no checkpoint of it to put into the text.',
          },
          isTagged: false,
        },
      ),
      '/bundle/{leafHash}': reading(
        'The bundle of a release, for those who verify it offline.',
        { [BUNDLE_TYPE]: BINARY },
        {
          parameters: [inPath('leafHash', 'Of the statement, in hexadecimal digits.', HEX)],
          refusals: {
            400: 'No leaf hash.',
            404: 'No such release, none that is published, or no manifest of it here.',
          },
        },
      ),
      '/heads/{name}': reading(
        'The bundle of the newest release of a stream.',
        { [BUNDLE_TYPE]: BINARY },
        {
          parameters: [
            inPath('name', 'The key of the stream in hexadecimal digits, and .vitrine', {
              type: 'string',
              pattern: '^[0-9a-f]{64}\\.vitrine$',
            }),
          ],
          refusals: { 400: 'No key of a stream.', 404: 'No such stream, or no manifest of its newest release here.' },
        },
      ),
      '/derived': {
        post: {
          summary:
            'What the log derived from its entries, by keys: docs/formats.md. Whoever uses it checks it against the checkpoint.',
          requestBody: {
            required: true,
            description: 'An array of 1 to 1024 byte strings of at most 128 bytes each.',
            ...content({ [CBOR_TYPE]: BINARY }),
          },
          responses: {
            200: {
              description:
                'An array of the values, byte strings, in the order of the keys: null where there is none. It ends after 4 MiB of values.',
              ...content({ [CBOR_TYPE]: BINARY }),
            },
            ...problems({
              400: 'The body is not that.',
              413: 'The body is too long.',
              415: 'The body is compressed.',
              503: 'Too much is sent at once: Retry-After says when to try again.',
            }),
          },
        },
      },
      '/derived/{prefix}': reading(
        'Pairs of derived keys and values, in the order of the keys: at most 1000; none when there are no more.',
        { [CBOR_TYPE]: BINARY },
        {
          parameters: [
            inPath('prefix', 'What the keys begin with, in hexadecimal digits.', {
              type: 'string',
              pattern: '^([0-9a-f]{2})*$',
            }),
            query('after', 'Only the keys behind this one.', { type: 'string', pattern: '^([0-9a-f]{2})*$' }),
          ],
          refusals: { 400: 'No prefix, or no key that begins with it.' },
          isTagged: false,
        },
      ),
      '/add': submitting(
        'Appends one entry.',
        BINARY,
        'The entry: 1 to 65,535 bytes. In a log of statements a signed statement.',
      ),
      '/add-batch': submitting(
        'Appends many entries, all or none.',
        BINARY,
        'At most 4096 entries and 2 MiB, each entry after its length in two bytes.',
      ),
      '/healthz': reading(
        'Whether the server does its work.',
        { [TEXT_TYPE]: { type: 'string' } },
        {
          refusals: { 503: 'The log has to be opened again: look at the log of the server.' },
          isTagged: false,
        },
      ),
      '/metrics': reading('Figures for Prometheus.', { [METRICS]: { type: 'string' } }, { isTagged: false }),
    },
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: {
        Problem: {
          description: 'RFC 9457',
          type: 'object',
          properties: {
            type: { const: 'about:blank' },
            title: { type: 'string' },
            status: { type: 'integer' },
            code: { type: 'string', description: 'stable', pattern: '^[a-z0-9-]+$' },
            detail: { type: 'string', description: 'for people' },
            index: { ...SAFE_INTEGER, description: 'of an entry that is logged all the same' },
            indices: { type: 'array', items: SAFE_INTEGER, description: 'of entries that are logged all the same' },
          },
          required: ['type', 'title', 'status', 'code', 'detail'],
          additionalProperties: false,
        },
        Description: {
          type: 'object',
          properties: {
            version: { type: 'integer', minimum: 1 },
            origin: { type: 'string' },
            vkeys: { type: 'array', items: { type: 'string' } },
            kind: { enum: ['statements', 'raw'] },
            duplicates: { type: 'boolean' },
            indexed: { type: 'boolean' },
          },
          required: ['version', 'origin', 'vkeys', 'duplicates'],
        },
        Inclusion: proofSchema({ index: SAFE_INTEGER, leafHash: HASH }),
        Consistency: proofSchema({ oldSize: SAFE_INTEGER, oldRoot: HASH }),
      },
    },
  };
}
