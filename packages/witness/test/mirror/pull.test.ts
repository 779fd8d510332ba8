import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  cosignatureTime,
  formatAddCheckpoint,
  type NoteSignature,
  openCheckpoint,
  parseSignedNote,
  parseVkey,
} from '@vitrine/core';
import { exportTiles, fsck, LevelStore, type Log } from '@vitrine/core/log';
import { describe, expect, test } from 'vitest';
import type { Mirror } from '../../src/mirror/mirror.ts';
import { catchUp, pull } from '../../src/mirror/pull.ts';
import { directorySource, logSource } from '../../src/mirror/pull-source.ts';
import { openFinding } from '../../src/witness/finding.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { ORIGIN, schemes, TIME, utf8 } from '../support/logs.ts';
import { addSignatureLines } from '../support/notes.ts';
import {
  append,
  createLog,
  createMirror,
  entriesOf,
  INDEX_KEYS,
  LOG_VKEY,
  MAPPING,
  MIRROR_KEYS,
  openMirror,
  TestSource,
} from './support.ts';

const SIZE = 3_000;

async function collect(items: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const codeOf = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    await promise;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return undefined;
};

describe('pulling a log', () => {
  test('copies all of it, and then what is new', async () => {
    const directory = temporaryDirectory();
    const log = await createLog(entriesOf(SIZE));
    const mirror = await createMirror({}, directory);
    const progress: [number, number][] = [];
    const source = logSource(log);
    await pull(mirror, { source, onProgress: (done, total) => progress.push([done, total]) });
    expect(mirror.replica.checkpoint()).toEqual(log.checkpoint());
    expect(progress.at(-1)).toEqual([SIZE, SIZE]);
    await append(log, entriesOf(10, SIZE));
    const published = await pull(mirror, { source });
    expect(published).toEqual(log.checkpoint());
    expect(await collect(mirror.replica.entries())).toEqual(entriesOf(SIZE + 10));
    await mirror[Symbol.asyncDispose]();
    await using store = await LevelStore.open(directory, { checkTables: true });
    expect(await fsck(store)).toMatchObject({ size: SIZE + 10, root: log.root });
  });

  test('fetches nothing that is there already', async () => {
    const log = await createLog(entriesOf(SIZE));
    const mirror = await createMirror();
    const source = new TestSource(log);
    await pull(mirror, { source: source.fetch });
    source.asked.length = 0;
    await pull(mirror, { source: source.fetch });
    expect(source.asked).toEqual(['checkpoint']);
    source.asked.length = 0;
    await append(log, entriesOf(300, SIZE));
    await pull(mirror, { source: source.fetch });
    expect(source.asked.filter((path) => path.startsWith('tile/entries')).sort()).toEqual([
      'tile/entries/011',
      'tile/entries/012.p/228',
    ]);
  });

  test.each([1, 3, 64])('asks for at most %i bundles at once', async (parallel) => {
    const log = await createLog(entriesOf(SIZE));
    const mirror = await createMirror();
    const source = new TestSource(log);
    let under = 0;
    let most = 0;
    source.answer = async (path, bytes) => {
      if (!path.startsWith('tile/entries')) return bytes;
      most = Math.max(most, ++under);
      await new Promise((resolve) => setTimeout(resolve, 1));
      under--;
      return bytes;
    };
    await pull(mirror, { source: source.fetch, parallel });
    expect(most).toBe(Math.min(parallel, Math.ceil(SIZE / 256)));
    expect(mirror.replica.size).toBe(SIZE);
  });

  test('goes on where it was stopped, and needs no checkpoint for that', async () => {
    const directory = temporaryDirectory();
    const log = await createLog(entriesOf(10_000));
    const source = new TestSource(log);
    const mirror = await createMirror({}, directory);
    const controller = new AbortController();
    const { signal } = controller;
    const stopped = pull(mirror, { source: source.fetch, signal, onProgress: () => controller.abort() });
    expect(
      await stopped.then(
        () => 'done',
        (error: Error) => error.name,
      ),
    ).toBe('AbortError');
    const { next } = mirror.replica;
    expect(next).toBeGreaterThan(0);
    expect(next).toBeLessThan(10_000);
    expect(mirror.replica.published()).toBeUndefined();
    await mirror[Symbol.asyncDispose]();

    const reopened = await openMirror(directory);
    expect(reopened.replica.next).toBe(next);
    source.asked.length = 0;
    await catchUp(reopened, { source: source.fetch });
    expect(reopened.replica.checkpoint()).toEqual(log.checkpoint());
    const first = Math.floor(next / 256);
    expect(source.asked).not.toContain('checkpoint');
    for (const path of source.asked.filter((asked) => asked.startsWith('tile/entries'))) {
      expect(Number(path.slice('tile/entries/'.length, 'tile/entries/'.length + 3))).toBeGreaterThanOrEqual(first);
    }
  });

  test('goes on with a larger tree than it began with', async () => {
    const directory = temporaryDirectory();
    const log = await createLog(entriesOf(6_000));
    const mirror = await createMirror({}, directory);
    const controller = new AbortController();
    await codeOf(
      pull(mirror, { source: logSource(log), signal: controller.signal, onProgress: () => controller.abort() }),
    );
    await mirror[Symbol.asyncDispose]();
    await append(log, entriesOf(500, 6_000));
    const reopened = await openMirror(directory);
    await pull(reopened, { source: logSource(log) });
    expect(reopened.replica.checkpoint()).toEqual(log.checkpoint());
  });

  test('copies a log without entries, and one that was exported to a directory', async () => {
    const log = await createLog();
    const mirror = await createMirror({ keys: MIRROR_KEYS });
    const empty = await pull(mirror, { source: logSource(log) });
    expect(empty.size).toBe(0);
    await append(log, entriesOf(700));
    const directory = join(temporaryDirectory(), 'public');
    await exportTiles(log, directory);
    await pull(mirror, { source: directorySource(directory) });
    expect(mirror.replica).toMatchObject({ size: 700, root: log.root });
    expect(await codeOf(pull(mirror, { source: directorySource(temporaryDirectory()) }))).toBe('mirror-source');
  });

  test('keeps the signatures of others that come with a checkpoint, and none that pretend to be its own', async () => {
    const log = await createLog(entriesOf(10));
    let now = TIME;
    const mirror = await createMirror({ keys: MIRROR_KEYS.slice(0, 1), now: () => now });
    const source = new TestSource(log);
    const note = log.checkpoint().note;
    const line = (name: string, keyId: number): string =>
      `— ${name} ${Buffer.from(Uint8Array.of(0, 0, 0, keyId, 1, 2, 3)).toString('base64')}\n`;
    const { keyName, keyId } = MIRROR_KEYS[0]!.vkey;
    const own = Buffer.alloc(7);
    own.writeUInt32BE(keyId);
    const lines = [line('witness.example/w', 1), `— ${keyName} ${own.toString('base64')}\n`];
    source.answer = (path, bytes) =>
      path === 'checkpoint' ? utf8(new TextDecoder().decode(note) + lines.join('')) : bytes;
    await pull(mirror, { source: source.fetch });
    const names = (): string[] => parseSignedNote(mirror.replica.checkpoint().note).signatures.map((s) => s.keyName);
    expect(names()).toEqual([ORIGIN, keyName, 'witness.example/w']);
    openCheckpoint(mirror.replica.checkpoint().note, {
      origin: ORIGIN,
      keys: [parseVkey(LOG_VKEY)],
      cosigners: [MIRROR_KEYS[0]!.vkey],
    });
    // One more witness has cosigned the same tree.
    lines.push(line('other.example/w', 2));
    await pull(mirror, { source: source.fetch });
    expect(names()).toEqual([ORIGIN, keyName, 'witness.example/w', 'other.example/w']);
    // And far too many say that they have.
    for (let i = 3; i < 63; i++) lines.push(line(`more.example/${i}`, i));
    await pull(mirror, { source: source.fetch });
    expect(names().slice(0, 2)).toEqual([ORIGIN, keyName]);
    expect(names()).toHaveLength(64);
    // What it does not keep is no reason to sign again.
    const { note: last } = mirror.replica.checkpoint();
    now += 100;
    expect((await pull(mirror, { source: source.fetch })).note).toEqual(last);
  });

  test('leaves out signatures of others that leave no room for its own', async () => {
    const directory = temporaryDirectory();
    const log = await createLog(entriesOf(10));
    const source = new TestSource(log);
    const line = (keyId: number, length: number): NoteSignature => ({
      keyName: 'witness.example/w',
      keyId,
      signature: new Uint8Array(length),
    });
    // Together with the mirror's own they are more than a note can have.
    const lines = [line(1, 781_000), line(2, 100), line(3, 3_000)];
    source.answer = (path, bytes) => (path === 'checkpoint' ? addSignatureLines(bytes!, lines) : bytes);
    const plain = await createMirror({}, directory);
    const keyIds = (mirror: Mirror): number[] =>
      parseSignedNote(mirror.replica.checkpoint().note)
        .signatures.filter(({ keyName }) => keyName === 'witness.example/w')
        .map(({ keyId }) => keyId);
    await pull(plain, { source: source.fetch });
    expect(keyIds(plain)).toEqual([1, 2, 3]);
    await plain[Symbol.asyncDispose]();
    const mirror = await openMirror(directory, { keys: MIRROR_KEYS });
    await mirror.renew(10, 300);
    expect([mirror.cosignatures().length, keyIds(mirror)]).toEqual([2, [1, 2]]);
    await pull(mirror, { source: source.fetch });
    expect([mirror.cosignatures().length, keyIds(mirror)]).toEqual([2, [1, 2]]);
  });

  test('cosigns what it has published, and the same again only after a while', async () => {
    const log = await createLog(entriesOf(10));
    let now = TIME;
    const mirror = await createMirror({ keys: MIRROR_KEYS, now: () => now });
    const first = await pull(mirror, { source: logSource(log) });
    const keys = [parseVkey(LOG_VKEY)];
    const { verified } = openCheckpoint(first.note, {
      origin: ORIGIN,
      keys,
      cosigners: MIRROR_KEYS.map(({ vkey }) => vkey),
      schemes,
    }).note;
    expect(verified.map(({ verifier }) => verifier.type)).toEqual([0x01, 0x04, 0x06]);
    expect(mirror.cosignatures()).toHaveLength(2);
    now += 200;
    expect((await pull(mirror, { source: logSource(log) })).note).toEqual(first.note);
    now += 200;
    expect((await pull(mirror, { source: logSource(log) })).note).not.toEqual(first.note);
  });

  test('publishes what a source has that is behind what others have shown, and stays fresh', async () => {
    const logs = await Promise.all([3, 303, 313].map((size) => createLog(entriesOf(size))));
    const [first, second, third] = logs as [Log, Log, Log];
    let now = TIME;
    const mirror = await createMirror({ keys: MIRROR_KEYS, now: () => now });
    await pull(mirror, { source: logSource(first) });
    for (const [oldSize, log] of [
      [3, second],
      [303, third],
    ] as const) {
      const { proof } = await log.proveConsistency(oldSize);
      await mirror.pending.add(formatAddCheckpoint({ oldSize, proof, checkpoint: log.checkpoint().note }));
    }
    expect(await codeOf(pull(mirror, { source: logSource(second) }))).toBeDefined();
    expect(mirror.replica).toMatchObject({ size: 303, root: second.root });
    now += 400;
    expect(await codeOf(pull(mirror, { source: logSource(second) }))).toBeDefined();
    expect(mirror.cosignatures().map(({ signature }) => cosignatureTime(signature))).toEqual([now, now]);
    await pull(mirror, { source: logSource(third) });
    expect(mirror.replica).toMatchObject({ size: 313, root: third.root });
  });

  test('takes checkpoints that the key of the log has signed, and nobody else', async () => {
    const log = await createLog(entriesOf(10));
    const mirror = await createMirror();
    const source = new TestSource(log);
    const note = new TextDecoder().decode(log.checkpoint().note);
    for (const [forged, code] of [
      [note.replace('\n10\n', '\n11\n'), 'note-signature'],
      [note.replace('— example.com/log ', '— example.com/other '), 'note-unsigned'],
      [note.replace(/^.*\n/, 'example.com/other\n'), 'checkpoint-origin'],
      ['nonsense', 'note-malformed'],
    ] as const) {
      source.answer = (path, bytes) => (path === 'checkpoint' ? utf8(forged) : bytes);
      expect(await codeOf(pull(mirror, { source: source.fetch })), forged).toBe(code);
    }
    expect(await mirror.pending.all()).toEqual([]);
  });
});

describe('a server that serves something else', () => {
  const spoilt = (bytes: Uint8Array | undefined, at: number): Uint8Array | undefined =>
    bytes?.map((byte, i) => (i === at ? byte ^ 1 : byte));

  test.each<[string, (path: string, bytes: Uint8Array | undefined) => Uint8Array | undefined, RegExp]>([
    [
      'an entry with a changed byte',
      (path, bytes) => (path === 'tile/entries/003' ? spoilt(bytes, 105) : bytes),
      /^tile-mismatch$/,
    ],
    [
      'a leaf hash with a changed byte',
      (path, bytes) => (path === 'tile/0/003' ? spoilt(bytes, 100) : bytes),
      /^tile-mismatch$/,
    ],
    [
      'a tile of the right edge',
      (path, bytes) => (path.startsWith('tile/1/') ? spoilt(bytes, 0) : bytes),
      /^tile-mismatch$/,
    ],
    ['a short tile', (path, bytes) => (path === 'tile/0/003' ? bytes?.slice(0, 255 * 32) : bytes), /^tile-malformed$/],
    [
      'a short bundle',
      (path, bytes) => (path === 'tile/entries/003' ? bytes?.slice(0, -3) : bytes),
      /^bundle-malformed$/,
    ],
    [
      'a bundle with an entry more',
      (path, bytes) => (path === 'tile/entries/003' ? new Uint8Array([...bytes!, 0, 1, 65]) : bytes),
      /^bundle-malformed$/,
    ],
    ['no bundle', (path, bytes) => (path === 'tile/entries/003' ? undefined : bytes), /^tile-missing$/],
    [
      'a bundle for another',
      (path, bytes) => (path === 'tile/entries/003' ? utf8('x'.repeat(20_000_000)) : bytes),
      /^tile-malformed$/,
    ],
  ])('gets nothing stored that is not of the tree: %s', async (_, answer, code) => {
    const log = await createLog(entriesOf(SIZE));
    const mirror = await createMirror();
    const source = new TestSource(log);
    source.answer = answer;
    expect(await codeOf(pull(mirror, { source: source.fetch, parallel: 2 }))).toMatch(code);
    expect(mirror.replica.published()).toBeUndefined();
    // What was stored before that is right, and the copy goes on from there.
    expect(mirror.replica.next % 256).toBe(0);
    source.answer = (_path, bytes) => bytes;
    await pull(mirror, { source: source.fetch });
    expect(mirror.replica.checkpoint()).toEqual(log.checkpoint());
  });

  test('tiles that are right in another tree of the log are not taken', async () => {
    const log = await createLog(entriesOf(SIZE));
    const other = await createLog([...entriesOf(1000), ...entriesOf(2000, 5000)]);
    const mirror = await createMirror();
    const source = new TestSource(log);
    source.answer = async (path, bytes) => (path === 'checkpoint' ? bytes : logSource(other)(path));
    expect(await codeOf(pull(mirror, { source: source.fetch }))).toBe('tile-mismatch');
    expect(mirror.replica.next).toBe(0);
  });
});

describe('a log that forks', () => {
  const findings = async ({ pending: { evidence } }: Mirror): Promise<string[]> => {
    const kinds: string[] = [];
    for (const name of readdirSync(evidence.directory)) {
      const finding = await openFinding(new Uint8Array(readFileSync(join(evidence.directory, name))));
      expect(finding.origin).toBe(ORIGIN);
      kinds.push(finding.kind);
    }
    return kinds;
  };
  const fork = (size: number): Promise<Log> => createLog([...entriesOf(500), ...entriesOf(size - 500, 10_000)]);

  test.each([
    ['a larger tree', 2_000, 'rewritten'],
    ['a tree of the same size', 1_000, 'two-roots'],
    ['a smaller tree', 700, 'rewritten'],
  ])('is refused with evidence, and the mirror stays as it is: %s', async (_, size, kind) => {
    const log = await createLog(entriesOf(1_000));
    const found: string[] = [];
    const mirror = await createMirror({ keys: MIRROR_KEYS, onFinding: (finding) => found.push(finding.kind) });
    await pull(mirror, { source: logSource(log) });
    const published = mirror.replica.checkpoint();
    const other = await fork(size);
    expect(await codeOf(pull(mirror, { source: logSource(other) }))).toBe('mirror-fork');
    expect(found).toEqual([kind]);
    expect(await findings(mirror)).toEqual([kind]);
    expect(mirror.replica.checkpoint()).toEqual(published);
    expect(await collect(mirror.replica.entries())).toEqual(entriesOf(1_000));
    // The branch that it is on goes on.
    await append(log, entriesOf(1_500, 1_000));
    await pull(mirror, { source: logSource(log) });
    expect(mirror.replica.checkpoint().size).toBe(2_500);
  });

  test('is refused in the middle of a copy too', async () => {
    const directory = temporaryDirectory();
    const log = await createLog(entriesOf(9_000));
    const mirror = await createMirror({}, directory);
    const controller = new AbortController();
    const options = { signal: controller.signal, onProgress: () => controller.abort() };
    await codeOf(pull(mirror, { source: logSource(log), ...options }));
    const { next } = mirror.replica;
    expect(next).toBeLessThan(9_000);
    await mirror[Symbol.asyncDispose]();
    const reopened = await openMirror(directory);
    expect(await codeOf(pull(reopened, { source: logSource(await fork(10_000)) }))).toBe('mirror-fork');
    expect(await findings(reopened)).toEqual(['rewritten']);
    // Of two trees that it has no checkpoints of, it keeps both.
    expect(await codeOf(pull(reopened, { source: logSource(await fork(600)) }))).toBe('mirror-fork');
    expect((await findings(reopened)).sort()).toEqual(['rewritten', 'unproven']);
    expect(reopened.replica.next).toBe(next);
    await pull(reopened, { source: logSource(log) });
    expect(reopened.replica.checkpoint()).toEqual(log.checkpoint());
  });

  test('an older checkpoint of the same tree is no fork', async () => {
    const log = await createLog(entriesOf(100));
    const old = log.checkpoint().note;
    await append(log, entriesOf(100, 100));
    const mirror = await createMirror();
    const source = new TestSource(log);
    await pull(mirror, { source: source.fetch });
    source.answer = (path, bytes) => (path === 'checkpoint' ? old : bytes);
    expect((await pull(mirror, { source: source.fetch })).size).toBe(200);
  });
});

describe('what a mirror has seen', () => {
  test('is needed for entries that no published checkpoint covers', async () => {
    const directory = temporaryDirectory();
    const log = await createLog(entriesOf(1_000));
    const mirror = await createMirror({}, directory);
    await pull(mirror, { source: logSource(log) });
    await mirror[Symbol.asyncDispose]();
    const { rm } = await import('node:fs/promises');
    await rm(join(directory, 'mirror'), { recursive: true });
    // A whole copy stands for itself.
    const copy = await openMirror(directory);
    expect((await copy.pending.all()).map(({ size }) => size)).toEqual([1_000]);
    await append(log, entriesOf(9_000, 1_000));
    const controller = new AbortController();
    const options = { signal: controller.signal, onProgress: () => controller.abort() };
    await codeOf(pull(copy, { source: logSource(log), ...options }));
    await copy[Symbol.asyncDispose]();
    await rm(join(directory, 'mirror'), { recursive: true });
    expect(await codeOf(openMirror(directory))).toBe('state-corrupt');
  });

  test('keeps the roles apart: each has a name and keys of its own', async () => {
    const [first, second] = MIRROR_KEYS;
    const [index] = INDEX_KEYS;
    for (const options of [
      { keys: [first!], indexKeys: [first!] },
      { keys: [first!], indexKeys: [{ ...index!, vkey: { ...index!.vkey, keyName: first!.vkey.keyName } }] },
      { keys: [first!], indexKeys: [{ ...index!, vkey: { ...index!.vkey, publicKey: first!.vkey.publicKey } }] },
      { keys: [first!, { ...second!, vkey: { ...second!.vkey, publicKey: first!.vkey.publicKey } }] },
      { keys: [{ ...first!, vkey: { ...first!.vkey, keyName: ORIGIN } }] },
    ]) {
      expect(await codeOf(createMirror({ mapping: MAPPING, ...options }))).toBe('mirror-key');
    }
    await createMirror({ mapping: MAPPING, keys: MIRROR_KEYS, indexKeys: INDEX_KEYS });
  });

  test('no key says that the index is right in a mirror that does not derive it', async () => {
    expect(await codeOf(createMirror({ indexKeys: INDEX_KEYS }))).toBe('mirror-key');
  });
});
