import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import {
  ed25519Signer,
  equalBytes,
  formatVkey,
  type PrivateKey,
  parseCheckpoint,
  parseSignedNote,
} from '@vitrine/core';
import { fsck, LevelStore, Log } from '@vitrine/core/log';
import { type Payload, signStatement, statementMapping } from '@vitrine/signer';
import { MemoryDisk, MemoryStore, SeededRandom } from '@vitrine/testkit';
import { logSource } from '@vitrine/witness';
import { Level } from 'level';
import { build } from './index-workspace.ts';
import { serveWith } from './serving.ts';
import { VENDOR_KEY } from './statement-workspace.ts';
import { LOG_KEY, type Workspace, workspace } from './workspace.ts';

/** What is killed, and how often. */
interface Kills {
  readonly kills: number;
  readonly seed: number;
  readonly entries: number;
  /** Whether the mirror derives the index. */
  readonly checkIndex: boolean;
}

/** What a mirror had when it was killed. */
export interface KilledMirror {
  /** Entries that were stored. */
  readonly stored: number;
  /** Entries of its checkpoint: fewer, if the kill came in the middle of a copy. */
  readonly published: number;
}

const VKEY = formatVkey(LOG_KEY.vkey);
const COPIES = 'copy';

/**
 * Kills a mirror at random moments of a copy, and starts it again, until it has copied all of a log that grows meanwhile; then
 * it begins another copy. Checks after each kill that what was stored before is still there, byte for byte.
 *
 * @returns what was there after each kill
 * @throws Error if it does not hold
 */
export async function killMirrors({ kills, seed, entries, checkIndex }: Kills): Promise<KilledMirror[]> {
  const random = new SeededRandom(seed);
  const w = workspace();
  const log = await logOf(entries, checkIndex, random);
  const source = logSource(log);
  // What a mirror asks for says that it has begun.
  let asked = (): void => {};
  const { url } = await serveWith((request, response) => {
    asked();
    const path = request.url!.slice(1);
    const pause = random.below(4);
    source(path).then(
      async (bytes) => {
        await setTimeout(pause);
        response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
      },
      () => response.writeHead(404).end(),
    );
  });
  const args = ['mirror', url, COPIES, '--vkey', VKEY, ...(checkIndex ? ['--check-index'] : [])];
  const found: KilledMirror[] = [];
  let before = new Map<string, Buffer>();
  // In milliseconds: how long a whole copy takes once it has begun.
  let whole = 400;
  while (found.length < kills) {
    const child = w.start(args);
    let stderr = '';
    child.stderr!.on('data', (data) => {
      stderr += data;
    });
    const closed = once(child, 'close');
    const begun = new Promise<void>((resolve) => {
      asked = resolve;
    });
    await Promise.race([begun, closed]);
    const started = performance.now();
    const killed = setTimeout(random.below(whole * 1000) / 1000).then(() => child.kill('SIGKILL'));
    const [status, signal] = (await closed) as [number | null, string | null];
    await killed;
    if (signal !== 'SIGKILL') {
      if (status !== 0) throw new Error(`the mirror ended with status ${status}: ${stderr}`);
      whole = Math.max(50, performance.now() - started);
    }
    const segments = await segmentsOf(w);
    for (const [key, bytes] of before) {
      const now = segments.get(key);
      if (now === undefined || !equalBytes(now, bytes))
        throw new Error(`what was stored under ${key} is another thing now`);
    }
    before = segments;
    const copy = await checkCopy(w, log, checkIndex);
    if (signal === 'SIGKILL') {
      found.push(copy);
      // Too early, as all of them would be on a machine that is slower than it was.
      if (copy.stored === 0) whole *= 1.5;
    } else if (random.below(2) === 0) {
      await append(log, checkIndex, random, 1 + random.below(600));
    } else {
      rmSync(w.path(COPIES), { recursive: true });
      before = new Map();
    }
  }
  // And at the end it has all of it.
  const { status } = await new Promise<{ status: number | null }>((resolve) => {
    w.start(args).on('close', (code) => resolve({ status: code }));
  });
  if (status !== 0) throw new Error(`the run after the last kill ended with status ${status}`);
  if ((await checkCopy(w, log, checkIndex)).published !== log.size) throw new Error('the last copy is not whole');
  await log[Symbol.asyncDispose]();
  return found;
}

/** Every tile and bundle segment in the database of a copy. None if it was not begun. */
async function segmentsOf(w: Workspace): Promise<Map<string, Buffer>> {
  const segments = new Map<string, Buffer>();
  if (!w.files().includes(`${COPIES}/db/CURRENT`)) return segments;
  const db = new Level<Buffer, Buffer>(w.path(COPIES, 'db'), { keyEncoding: 'buffer', valueEncoding: 'buffer' });
  for await (const [key, value] of db.iterator()) {
    // 't' and 'e', as docs/formats.md has it.
    if (key[0] === 0x74 || key[0] === 0x65) segments.set(key.toString('hex'), value);
  }
  await db.close();
  return segments;
}

/** That a copy is sound, and the beginning of the log. */
async function checkCopy(w: Workspace, log: Log, checkIndex: boolean): Promise<KilledMirror> {
  if (!w.files().includes(`${COPIES}/vitrine.json`)) {
    // Created halfway: whoever comes next is told, and begins again.
    rmSync(w.path(COPIES), { recursive: true, force: true });
    return { stored: 0, published: 0 };
  }
  await using store = await LevelStore.open(w.path(COPIES));
  const { size, root } = await fsck(store, { mapping: checkIndex ? statementMapping : undefined });
  const { oldRoot } = await log.proveConsistency(size, log.size);
  if (!equalBytes(oldRoot, root)) throw new Error(`the ${size} entries that were copied are not those of the log`);
  const { signed } = (await store.readHead()).checkpoints;
  return { stored: size, published: signed === undefined ? 0 : parseCheckpoint(parseSignedNote(signed).text).size };
}

async function logOf(entries: number, indexed: boolean, random: SeededRandom): Promise<Log> {
  const signer = ed25519Signer(LOG_KEY);
  const log = await Log.create((description) => MemoryStore.create(new MemoryDisk(), description), {
    origin: LOG_KEY.vkey.keyName,
    vkeys: [VKEY],
    kind: indexed ? 'statements' : 'raw',
    duplicates: false,
    signer,
    ...(indexed && { admission: { admit: async () => [] }, mapping: statementMapping }),
  });
  for (let left = entries; left > 0; left -= 300) await append(log, indexed, random, Math.min(300, left));
  return log;
}

let appended = 0;

/** In commits of any size. */
async function append(log: Log, indexed: boolean, random: SeededRandom, count: number): Promise<void> {
  for (let left = count; left > 0; ) {
    const size = Math.min(left, 1 + random.below(100));
    const made = Array.from({ length: size }, () => (indexed ? statement(log, VENDOR_KEY) : line()));
    await Promise.all((await Promise.all(made)).map((entry) => log.append(entry)));
    left -= size;
  }
}

async function line(): Promise<Uint8Array> {
  return new TextEncoder().encode(`entry ${appended++}`);
}

function statement(log: Log, key: PrivateKey): Promise<Uint8Array> {
  const payload: Payload = { ...build(`1.${appended++}`), channel: `c${appended % 20}` } as Payload;
  return signStatement(payload, { signer: ed25519Signer(key), audience: log.origin, issuedAt: 1_700_000_000 });
}
