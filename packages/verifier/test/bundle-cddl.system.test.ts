import { readFileSync } from 'node:fs';
import { type CborMap, type CborValue, decodeCbor, encodeCbor, leafHash, sha256 } from '@vitrine/core';
import type { Payload } from '@vitrine/signer';
import { type CddlCheck, CddlValidators, type CddlVerdict } from '@vitrine/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bundle, MAX_BUNDLE_SIZE, parseBundle } from '../src/bundle/bundle.ts';
import { verifyRelease } from '../src/decision/verify.ts';
import { type AgentState, NO_STATE, type StreamState } from '../src/state/state.ts';
import { formatState, MAX_STATE_SIZE, parseState } from '../src/state/state-codec.ts';
import { build, database, download, NOW, ORIGIN, REVIEWERS, source, trustOf, utf8, World } from './world.ts';

// pycddl is wrong about arrays within arrays, so of what is wrong it gets the part alone, and only if that is a map or has no
// arrays in it.

const page = readFileSync(new URL('../../../docs/bundle.md', import.meta.url), 'utf8');
const schema = new URL('../../../docs/bundle.cddl', import.meta.url).pathname;
let validators: CddlValidators;

beforeAll(() => {
  validators = new CddlValidators(schema);
}, 300_000);

afterAll(() => validators[Symbol.dispose]());

type Rule = 'release-bundle' | 'agent-state';

const check = (checks: readonly CddlCheck[]): CddlVerdict[] => validators.check(checks);

const YES: CddlVerdict = { 'cddl-verifier': true, pycddl: true };
const NO: CddlVerdict = { 'cddl-verifier': false, pycddl: false };

const decoded = (bytes: Uint8Array): CborMap => decodeCbor(bytes, 'the file') as CborMap;

type Path = readonly (number | string)[];

/** The value with something else at a place; `undefined` takes away what is there. */
function changed(value: CborValue, [at, ...rest]: Path, to: CborValue | undefined): CborValue {
  if (value instanceof Map) {
    const entries = new Map<number | string, CborValue>(value);
    const next = rest.length === 0 ? to : changed(entries.get(at!)!, rest, to);
    if (next === undefined) entries.delete(at!);
    else entries.set(at!, next);
    return entries;
  }
  const elements = [...(value as readonly CborValue[])];
  const next = rest.length === 0 ? to : changed(elements[at as number]!, rest, to);
  elements.splice(at as number, 1, ...(next === undefined ? [] : [next]));
  return elements;
}

/** What the grammar calls the maps, and the arrays of a fixed length, by their places in a file; all other arrays are lists. */
const PARTS: readonly (readonly [rule: string, place: RegExp])[] = [
  ['bundled-statement', /^statements\.\d+$/],
  ['earlier-tree', /^earlier\.\d+$/],
  ['bundled-stream', /^stream$/],
  ['bundled-subject', /^(subject|source)$/],
  ['stream-record', /^stream\.0$/],
  ['subject-element', /^(subject|source)\.0\.\d+$/],
  ['prefix-proof', /^(stream|subject|source)\.1$/],
  ['prefix-leaf', /^(stream|subject|source)\.1\.1$/],
  ['log-state', /^logs\.\d+$/],
  ['seen-checkpoint', /^logs\.\d+\.(largest|unsettled\.\d+)$/],
  ['stream-state', /^streams\.\d+$/],
  ['installed-release', /^streams\.\d+\.installed$/],
];

interface Part {
  readonly rule: string;
  readonly place: Path;
  readonly value: CborMap | readonly CborValue[];
}

const isFlat = ({ value }: Pick<Part, 'value'>): boolean => !Array.isArray(value) || !value.some(Array.isArray);

/** The file itself, and those that are in it. */
function partsOf(file: CborMap, root: Rule): Part[] {
  const within = (value: CborValue, place: Path): Part[] => {
    if (!Array.isArray(value) && !(value instanceof Map)) return [];
    const part = value as Part['value'];
    const rule = place.length === 0 ? root : PARTS.find(([, at]) => at.test(place.join('.')))?.[0];
    return [
      ...(rule === undefined ? [] : [{ rule, place, value: part }]),
      ...Array.from(part.entries()).flatMap(([name, one]) => within(one, [...place, name])),
    ];
  };
  return within(file, []);
}

/** A source, its build and a review of that, each in a commit of its own: the example of docs/bundle.md. */
async function example(): Promise<{ world: World; leaf: number; leafHash: Uint8Array; sourceHash: Uint8Array }> {
  const world = await World.create();
  const src = await world.say(source());
  const release = await world.say(build({ 'tool.tgz': 'tool' }, { of: src.leafHash }));
  await world.review(release.leafHash, 'reproduced');
  return { world, ...release, sourceHash: src.leafHash };
}

const manifest = utf8(`${Buffer.from(sha256(utf8('tool'))).toString('hex')} 4 tool.tgz\n`);

async function bundles(): Promise<Record<string, Uint8Array>> {
  const { world, leaf, leafHash: released, sourceHash } = await example();
  const plain = await world.bundle(leaf, { earlier: [4] });
  await world.review(sourceHash, 'reviewed', REVIEWERS[1]);
  await world.review(released, 'rejected', REVIEWERS[2]);
  await world.withdraw(released);
  const lone = await world.say(database(1, 'one'));
  const file = { name: 'MANIFEST', size: manifest.length, sha256: sha256(manifest) };
  const listed: Payload = { type: 'build', product: 'kit', version: '1', channel: 'stable', manifest: file };
  const kit = await world.say(listed);
  return {
    'a reviewed build': plain,
    'a withdrawn build': await world.bundle(leaf, { earlier: [2, 6, world.log.size] }),
    'a database': await world.bundle(lone.leaf),
    'a manifest': await world.bundle(kit.leaf, { manifest }),
  };
}

async function states(): Promise<Record<string, Uint8Array>> {
  const world = await World.create();
  const trust = trustOf('serial 7', 'release daily signed-by acme any-age', 'release tool/* signed-by acme any-age');
  const ask = (stream: string, content: string, bundle: Uint8Array, state?: AgentState): AgentState =>
    verifyRelease({ stream, ...download(content) }, bundle, trust, NOW, state).state;
  const one = await world.say(database(1, 'one'));
  const first = ask('daily', 'one', await world.bundle(one.leaf));
  const tool = await world.say(build({ 'tool.tgz': 'tool' }));
  const second = ask('tool/stable', 'tool', await world.bundle(tool.leaf), first);
  expect(second.logs[0]!.unsettled).toHaveLength(1);
  const [daily, stable] = second.streams as [StreamState, StreamState];
  expect([daily.installed?.sequence, stable.installed?.sequence]).toEqual([1, undefined]);
  const { installed: _, ...refused } = stable;
  return {
    none: formatState(NO_STATE),
    'a database': formatState(first),
    'a database and a build': formatState(second),
    'a refusal': formatState({ ...second, streams: [daily, refused] }),
  };
}

const files: readonly (readonly [name: string, Rule, Uint8Array])[] = [
  ...Object.entries(await bundles()).map(([name, bytes]) => [name, 'release-bundle', bytes] as const),
  ...Object.entries(await states()).map(([name, bytes]) => [name, 'agent-state', bytes] as const),
];

/** Fields that may be left out. */
const OPTIONAL: ReadonlySet<unknown> = new Set(['source', 'manifest', 'serial', 'time', 'installed', 'sequence']);

describe('docs/bundle.cddl', () => {
  test('describes real bundles and states, and tells them apart', () => {
    expect(check(files.map(([, rule, bytes]) => [rule, bytes]))).toEqual(files.map(() => YES));
    const other = (rule: Rule): Rule => (rule === 'agent-state' ? 'release-bundle' : 'agent-state');
    expect(check(files.map(([, rule, bytes]) => [other(rule), bytes]))).toEqual(files.map(() => NO));
  });

  test('and the program refuse a field less and a field more, in every map and array of them', () => {
    const wrong = files.flatMap(([name, rule, bytes]) => {
      const file = decoded(bytes);
      return partsOf(file, rule).flatMap(({ rule: partRule, place, value }) => {
        const unknown = value instanceof Map ? 'unknown' : (value as readonly CborValue[]).length;
        const less = value instanceof Map ? [...value.keys()].filter((key) => !OPTIONAL.has(key)) : [0];
        return [[unknown, 1] as const, ...less.map((key) => [key, undefined] as const)].map(([key, to]) => ({
          name: `${name}: ${[...place, key].join('.')} ${to === undefined ? 'less' : 'more'}`,
          whole: [rule, encodeCbor(changed(file, [...place, key], to))] as const,
          part: [partRule, encodeCbor(changed(value, [key], to))] as const,
          flat: isFlat({ value }),
        }));
      });
    });
    expect(new Set(wrong.map(({ part: [rule] }) => rule)).size).toBe(2 + PARTS.length);
    const verdicts = check(wrong.map(({ whole }) => whole));
    expect(wrong.filter((_, i) => verdicts[i]!['cddl-verifier']).map(({ name }) => name)).toEqual([]);
    const flat = wrong.filter(({ flat }) => flat);
    expect(check(flat.map(({ part }) => part))).toEqual(flat.map(() => NO));
    for (const { name, whole } of wrong) {
      const [rule, bytes] = whole;
      const parse = rule === 'agent-state' ? parseState : parseBundle;
      expect(() => parse(bytes), name).toThrow(expect.objectContaining({ name: 'Refusal' }));
    }
  });

  test('describes the parts of real bundles and states by themselves', () => {
    const parts = files.flatMap(([, rule, bytes]) => partsOf(decoded(bytes), rule).filter(isFlat));
    expect(check(parts.map(({ rule, value }) => [rule, encodeCbor(value)]))).toEqual(parts.map(() => YES));
  });

  const [, , bundle] = files[0]!;
  const [, , state] = files.find(([name]) => name === 'a database and a build')!;
  const bytes = (size: number): Uint8Array => new Uint8Array(size);

  test.each<[string, Rule, Uint8Array, Path, CborValue]>([
    ['a later version', 'release-bundle', bundle, ['v'], 2],
    ['another type', 'release-bundle', bundle, ['type'], 'agent-state'],
    ['no statements', 'release-bundle', bundle, ['statements'], []],
    ['601 statements', 'release-bundle', bundle, ['statements'], Array(601).fill([1, bytes(1)])],
    ['an empty entry', 'release-bundle', bundle, ['statements', 0, 1], bytes(0)],
    ['an entry of 65,536 bytes', 'release-bundle', bundle, ['statements', 0, 1], bytes(65_536)],
    ['a negative leaf index', 'release-bundle', bundle, ['release'], -1],
    ['an empty checkpoint', 'release-bundle', bundle, ['checkpoint'], bytes(0)],
    ['a checkpoint beyond 1 MiB', 'release-bundle', bundle, ['checkpoint'], bytes((1 << 20) + 1)],
    ['a manifest beyond 1 MiB', 'release-bundle', bundle, ['manifest'], bytes((1 << 20) + 1)],
    ['65 earlier trees', 'release-bundle', bundle, ['earlier'], Array(65).fill([1, bytes(32)])],
    ['an earlier tree without leaves', 'release-bundle', bundle, ['earlier', 0, 0], 0],
    ['41,896 hashes', 'release-bundle', bundle, ['proof'], Array(41_896).fill(bytes(32))],
    ['a hash of 31 bytes', 'release-bundle', bundle, ['proof', 0], bytes(31)],
    ['a stream without statements', 'release-bundle', bundle, ['stream', 0, 0], 0],
    ['a stream without a record', 'release-bundle', bundle, ['stream', 0], null],
    ['an empty record of a subject', 'release-bundle', bundle, ['subject', 0], []],
    ['a word that is neither review nor withdrawal', 'release-bundle', bundle, ['subject', 0, 0, 1], 'build'],
    ['257 siblings', 'release-bundle', bundle, ['subject', 1, 0], Array(257).fill(bytes(32).fill(1))],
    ['a source that is null', 'release-bundle', bundle, ['source'], null],
    ['a count of 0', 'agent-state', state, ['streams', 0, 'installed', 'count'], 0],
    ['a tree of 0 leaves', 'agent-state', state, ['streams', 0, 'installed', 'size'], 0],
    ['an origin in bytes', 'agent-state', state, ['logs', 0, 'origin'], bytes(1)],
    ['a root of 33 bytes', 'agent-state', state, ['logs', 0, 'largest', 'root'], bytes(33)],
    ['a later version', 'agent-state', state, ['v'], 2],
  ])('and the program refuse %s (%s)', (_, rule, file, place, value) => {
    const wrong = encodeCbor(changed(decoded(file), place, value));
    expect(check([[rule, wrong]])[0]!['cddl-verifier']).toBe(false);
    const parse = rule === 'agent-state' ? parseState : parseBundle;
    expect(() => parse(wrong)).toThrow(expect.objectContaining({ name: 'Refusal' }));
  });
});

describe('docs/bundle.md', () => {
  test('says how a bundle begins, and how large both files may be', () => {
    for (const [, rule, bytes] of files) {
      if (rule !== 'release-bundle') continue;
      expect(Buffer.from(bytes.subarray(0, 24)).toString('hex')).toMatch(
        /^a[abc]61760164747970656e72656c656173652d62756e646c65$/,
      );
    }
    expect(page).toContain('`6176 01`, `6474797065 6e72656c656173652d62756e646c65`');
    expect(page).toContain(`(${MAX_BUNDLE_SIZE.toLocaleString('en-US')} bytes)`);
    expect(page).toContain(`(${MAX_STATE_SIZE.toLocaleString('en-US')} bytes)`);
  });

  test('has an example, whose proof is the leaf hashes of two index entries', async () => {
    const { world, leaf } = await example();
    const bytes = await world.bundle(leaf, { earlier: [4] });
    const bundle: Bundle = parseBundle(bytes);
    expect(bundle.statements.map(({ index }) => index)).toEqual([0, 2, 4]);
    expect(bundle.earlier.map(({ size }) => size)).toEqual([4]);
    const others = await Promise.all([1, 3].map((index) => world.log.entry(index)));
    expect(bundle.proof).toEqual(others.map(leafHash));
    const [, size] = /cosignatures of three witnesses, has ([\d,]+) bytes/.exec(page)!;
    expect(size).toBe(bytes.length.toLocaleString('en-US'));
  });

  test('says how many values of CBOR a state takes', () => {
    const checkpoint = { checkpoint: utf8('x'), size: 1, root: new Uint8Array(32) };
    const log = { origin: ORIGIN, largest: checkpoint, unsettled: [] };
    const installed = { issuer: 'x', leaf: 1, count: 1, size: 2 };
    const state = (streams: number, sequence?: number): AgentState => ({
      serial: 1,
      time: 1,
      logs: [log],
      streams: Array.from({ length: streams }, (_, i) => ({
        origin: ORIGIN,
        stream: `${i}`,
        consulted: 1,
        installed: { ...installed, ...(sequence !== undefined && { sequence }) },
      })),
    });
    for (const [perStream, sequence] of [
      [19, 1],
      [17, undefined],
    ] as const) {
      const most = Math.floor((65_536 - 13 - 13) / perStream);
      expect(parseState(formatState(state(most, sequence))).streams).toHaveLength(most);
      const tooMany = (): unknown => parseState(formatState(state(most + 1, sequence)));
      expect(tooMany).toThrow(expect.objectContaining({ code: 'state-malformed' }));
    }
  });
});
