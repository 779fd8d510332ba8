import { type ChildProcess, fork } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { SeededRandom } from '@vitrine/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseManifest } from '../../src/log/level-manifest.ts';
import { LevelStore } from '../../src/log/level-store.ts';
import { Log } from '../../src/log/log.ts';
import { cosign } from '../../src/note/cosignature.ts';
import { cosignerOf } from '../../src/note/cosigner.ts';
import { KEY_TYPE_ED25519_COSIGNATURE } from '../../src/note/key-type.ts';
import { formatPrivateKey, privateKeyFromSeed } from '../../src/note/private-key.ts';
import { addSignatures, formatSignedNote, parseSignedNote } from '../../src/note/signed-note.ts';
import { collect, KEY, OPTIONS, ORIGIN, SIGNER } from './fixtures.ts';

// Each file of a log is cut and has bits flipped, one fault at a time. Whatever LevelDB makes of it (it drops what it
// cannot read, checks no checksum when it reads a table, and stops the process where a table's keys make no sense), the
// log must give the right data or refuse, and fsck must refuse every damaged table.

const SEED = Number(process.env['SEED'] ?? 1);
const FLIPS = Number(process.env['FLIPS'] ?? 12);

/**
 * Stands for a code where LevelDB stopped the process: there is nothing to be caught, and nothing wrong was said. Accepted
 * where a damaged table is read without having been checked.
 */
const STOPPED = 'process-stopped';

const random = new SeededRandom(SEED);
// What cannot be compressed is stored as it is, so that a flipped bit stays one.
const entries = Array.from({ length: 700 }, (_, i) => Uint8Array.of(i >> 8, i & 0xff, ...random.bytes(30)));
const WITNESS = privateKeyFromSeed('witness.example/w', KEY_TYPE_ED25519_COSIGNATURE, new Uint8Array(32).fill(2));

let parent: string;
let original: string;
let files: string[];

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'vitrine-damaged-'));
  original = join(parent, 'original');
  // Several sessions: what was in the journal when a database is opened becomes a table.
  let log = await Log.create((description) => LevelStore.create(original, description), OPTIONS);
  for (const [from, to] of [
    [0, 301],
    [301, 302],
    [302, 511],
    [511, 650],
    [650, 700],
  ] as const) {
    await collect(log.appendAll(entries.slice(from, to - 1)));
    await log.append(entries[to - 1]!);
    const note = parseSignedNote(log.checkpoint().note);
    const line = await cosign({ text: note.text, cosigner: cosignerOf(WITNESS), time: 1_700_000_000 });
    if (to === 650) await log.publish(formatSignedNote(addSignatures(note, [line])));
    await log[Symbol.asyncDispose]();
    if (to < 700) log = await Log.open(await LevelStore.open(original), { signer: SIGNER });
  }
  const hex = entries.map((entry) => Buffer.from(entry).toString('hex'));
  const expected = { origin: ORIGIN, vkey: OPTIONS.vkeys[0], privateKey: formatPrivateKey(KEY), hex };
  await writeFile(join(parent, 'expected.json'), JSON.stringify(expected));
  const manifest = (await readFile(join(original, 'db', 'CURRENT'), 'latin1')).trim();
  const live = parseManifest(await readFile(join(original, 'db', manifest)));
  const found = await readdir(original, { withFileTypes: true, recursive: true });
  files = found
    .filter((file) => file.isFile())
    .map((file) => relative(original, join(file.parentPath, file.name)))
    // LevelDB's own diary and its lock hold nothing, and neither do tables that it merged and has not removed yet.
    .filter(
      (name) =>
        !/LOCK$|LOG(\.old)?$/.test(name) && (!name.endsWith('.ldb') || live.has(Number.parseInt(basename(name), 10))),
    )
    .sort();
});

afterAll(async () => {
  examiner.end();
  await rm(parent, { recursive: true });
});

interface Verdict {
  /** The codes of the errors that told of the damage. */
  readonly codes: readonly string[];
  /** What was wrong without an error. */
  readonly wrong: readonly string[];
}

/** Reading, reading and then appending, or checking before anything is read. */
type Task = 'read' | 'append' | 'fsck';

/** Has logs examined in another process. */
class Examiner {
  #child: ChildProcess | undefined;

  async examine(directory: string, task: Task): Promise<Verdict> {
    this.#child ??= fork(join(import.meta.dirname, 'examine-damaged.js'), [join(parent, 'expected.json')], {
      execArgv: [],
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    const child = this.#child;
    let stderr = '';
    child.stderr!.on('data', (data) => {
      stderr += data;
    });
    const { promise, resolve, reject } = withResolvers<Verdict>();
    child.once('message', resolve);
    child.once('exit', (_status, signal) => {
      this.#child = undefined;
      if (signal === 'SIGABRT' || signal === 'SIGSEGV') resolve({ codes: [STOPPED], wrong: [] });
      else reject(new Error(`the examiner ended: ${stderr}`));
    });
    child.send({ directory, task });
    const verdict = await promise;
    for (const emitter of [child, child.stderr!]) emitter.removeAllListeners();
    return verdict;
  }

  end(): void {
    this.#child?.kill();
  }
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

const examiner = new Examiner();

let copies = 0;
async function damaged(name: string, damage: (bytes: Buffer) => Buffer): Promise<string> {
  const directory = join(parent, `copy${copies++}`);
  await cp(original, directory, { recursive: true });
  const path = join(directory, name);
  await writeFile(path, damage(await readFile(path)));
  return directory;
}

/** Examines a damaged copy twice, because LevelDB rewrites what it recovers, and then removes it. */
async function examineDamaged(name: string, damage: (bytes: Buffer) => Buffer): Promise<void> {
  const directory = await damaged(name, damage);
  const isTable = name.endsWith('.ldb');
  // Finding a damaged table opens no database, and so changes nothing.
  if (isTable) expect(await examiner.examine(directory, 'fsck')).toEqual({ codes: ['store-corrupt'], wrong: [] });
  const first = await examiner.examine(directory, 'read');
  const second = await examiner.examine(directory, 'append');
  expect([...first.wrong, ...second.wrong]).toEqual([]);
  if (!isTable) expect([...first.codes, ...second.codes]).not.toContain(STOPPED);
  await rm(directory, { recursive: true });
}

test('A log that is not damaged is found right', async () => {
  const directory = await damaged('log.json', (bytes) => bytes);
  expect(await examiner.examine(directory, 'fsck')).toEqual({ codes: [], wrong: [] });
  expect(await examiner.examine(directory, 'append')).toEqual({ codes: [], wrong: [] });
});

test('The log to be damaged has all kinds of files', () => {
  const kinds = files.map((name) => name.replace(/\d+/, 'N'));
  expect(new Set(kinds)).toEqual(
    new Set([
      'checkpoint',
      'checkpoint.cosigned',
      'db/CURRENT',
      'db/MANIFEST-N',
      'db/N.ldb',
      'db/N.log',
      'log.json',
      'vitrine.json',
    ]),
  );
});

const KINDS = [
  'checkpoint',
  'checkpoint.cosigned',
  'log.json',
  'vitrine.json',
  'db/CURRENT',
  'db/MANIFEST',
  'db/*.log',
  'db/*.ldb',
];
const filesOf = (kind: string): string[] => {
  const pattern = new RegExp(`^${kind.replaceAll('.', '\\.').replace('*', '\\d+')}(-\\d+)?$`);
  return files.filter((name) => pattern.test(name));
};

describe(`a log of which one file was damaged (seed ${SEED})`, () => {
  test.for(KINDS)(
    '%s cut off anywhere: gives the right data or refuses, and never loses an entry silently',
    async (kind) => {
      expect(filesOf(kind).length).toBeGreaterThan(0);
      for (const name of filesOf(kind)) {
        const { length } = await readFile(join(original, name));
        const cuts = [
          0,
          1,
          length - 1,
          Math.floor(length / 2),
          random.below(length),
          random.below(length),
          random.below(length),
        ];
        for (const cut of new Set(cuts)) {
          await examineDamaged(name, (bytes) => bytes.subarray(0, cut)).catch((error: unknown) => {
            throw new Error(`${name} cut to ${cut} of ${length} bytes: ${(error as Error).message}`, { cause: error });
          });
        }
      }
    },
  );

  test.for(KINDS)('%s with a bit flipped anywhere: gives the right data or refuses', async (kind) => {
    for (const name of filesOf(kind)) {
      const { length } = await readFile(join(original, name));
      for (let i = 0; i < FLIPS; i++) {
        const bit = random.below(8 * length);
        const flip = (bytes: Buffer): Buffer => {
          bytes[bit >> 3]! ^= 1 << (bit & 7);
          return bytes;
        };
        await examineDamaged(name, flip).catch((error: unknown) => {
          throw new Error(`${name} with bit ${bit} flipped: ${(error as Error).message}`, { cause: error });
        });
      }
    }
  });
});
