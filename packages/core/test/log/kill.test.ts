import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { SeededRandom } from '@vitrine/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LogCheckpoint } from '../../src/log/checkpoint-keeper.ts';
import { fsck } from '../../src/log/fsck.ts';
import { LevelStore } from '../../src/log/level-store.ts';
import { Log } from '../../src/log/log.ts';
import type { IndexMapping } from '../../src/log-index/index-mapping.ts';
import type { StreamName } from '../../src/log-index/stream.ts';
import { formatPrivateKey } from '../../src/note/private-key.ts';
import { verifyConsistency } from '../../src/tree/proof.ts';
import { CheckpointHistory, collect, cosigned, entryOf, KEY, SIGNER } from './fixtures.ts';
import { ADMIT_ALL } from './indexed-fixtures.ts';

const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 20);
const SEED = Number(process.env['SEED'] ?? 1);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitrine-kill-'));
});

afterAll(() => rm(directory, { recursive: true }));

/** What a child said before it was killed: the lines that it finished. */
class Child {
  readonly #child: ChildProcess;
  readonly #ready: Promise<void>;
  #output = '';
  #errors = '';

  constructor(at: string, first: number, how: string, kind: string) {
    const script = join(import.meta.dirname, 'append-forever.js');
    this.#child = spawn(process.execPath, [script, at, formatPrivateKey(KEY), String(first), how, kind]);
    this.#child.stderr!.on('data', (data) => {
      this.#errors += data;
    });
    this.#ready = new Promise((resolve, reject) => {
      this.#child.stdout!.on('data', (data) => {
        this.#output += data;
        resolve();
      });
      this.#child.once('exit', () => reject(new Error(`the child ended by itself: ${this.#errors}`)));
    });
    this.#ready.catch(() => {});
  }

  async kill(microseconds: number): Promise<void> {
    await this.#ready;
    await setTimeout(microseconds / 1000);
    const closed = once(this.#child, 'close');
    expect(this.#child.exitCode, this.#errors).toBeNull();
    this.#child.kill('SIGKILL');
    const [, signal] = await closed;
    expect(signal).toBe('SIGKILL');
  }

  get acknowledged(): { index: number; number: number; leafHash: string }[] {
    const lines = this.#output.split('\n').slice(1, -1);
    return lines.map((line) => {
      const [index, number, leafHash] = line.split(' ');
      return { index: Number(index), number: Number(number), leafHash: leafHash! };
    });
  }
}

const streamOf = (number: number): StreamName => ({
  type: 'build',
  issuer: 'acme.example',
  stream: `p${number % 50}`,
});

// As the child has it.
const mapping: IndexMapping = (entry) => ({
  kind: 'stream',
  stream: streamOf(numberOf(new TextDecoder().decode(entry))),
});
const numberOf = (entry: string): number => Number(entry.slice(6));

/** That the index says of every stream what the entries give, in the newest tree and in that of the kept checkpoint. */
async function expectIndex(log: Log, stored: readonly string[]): Promise<void> {
  const { size } = log.checkpoint();
  const older = log.cosignedCheckpoint()?.size;
  for (let stream = 0; stream < 50; stream++) {
    for (const at of older === undefined ? [size] : [size, older]) {
      const indices = [...stored.slice(0, at).entries()]
        .filter(([, entry]) => entry.startsWith('entry ') && numberOf(entry) % 50 === stream)
        .map(([index]) => index);
      const latest = await log.latest(streamOf(stream), at);
      expect([latest?.index, latest?.record.count ?? 0]).toEqual([indices.at(-1), indices.length]);
    }
  }
}

test.each(['raw', 'indexed'] as const)(
  `After kill -9 at ${ROUNDS} moments (seed ${SEED}) a log that is %s opens, is sound, and has all that was acknowledged`,
  {
    timeout: 600_000,
  },
  async (kind) => {
    const random = new SeededRandom(SEED);
    const at = join(directory, kind);
    const rules = kind === 'indexed' ? { mapping, admission: ADMIT_ALL } : {};
    const history = new CheckpointHistory();
    const checkpoints: LogCheckpoint[] = [];
    const acknowledged = new Map<number, { number: number; leafHash: string }>();
    let unfinished = 0;

    for (let round = 0, next = 0; round < ROUNDS; round++) {
      const child = new Child(at, next, round % 2 === 0 ? 'append' : 'appendAll', kind);
      // Most kills come early, where a database is being recovered and the first commits are made.
      await child.kill(random.below(random.below(2) === 0 ? 10_000 : 40_000));
      for (const { index, number, leafHash } of child.acknowledged) {
        expect(acknowledged.get(index)?.number ?? number).toBe(number);
        acknowledged.set(index, { number, leafHash });
      }

      const store = await LevelStore.open(at);
      const log = await Log.open(store, { signer: SIGNER, ...rules });
      expect((await fsck(store, rules)).size).toBe(log.size);
      expect(log.size).toBeGreaterThanOrEqual(acknowledged.size);
      if (log.size > acknowledged.size) unfinished++;

      const checkpoint = log.checkpoint();
      expect(history.see(checkpoint.note)).toBe(log.size);
      for (const { size, root } of checkpoints) {
        const consistency = await log.proveConsistency(size);
        expect(consistency.oldRoot).toEqual(root);
        verifyConsistency({ ...consistency, oldRoot: root, newRoot: checkpoint.root });
      }
      checkpoints.push(checkpoint);

      const text = new TextDecoder();
      const stored = (await collect(log.entries())).map((entry) => text.decode(entry));
      for (const [index, { number }] of acknowledged) {
        if (stored[index] !== `entry ${number}`)
          expect.fail(`entry ${index} is ${stored[index]}, not number ${number}`);
      }
      for (const { index, leafHash } of child.acknowledged.slice(0, 50)) {
        expect(hex(await log.leafHash(index))).toBe(leafHash);
        expect(await log.indexOf(Buffer.from(leafHash, 'hex'))).toBe(index);
      }
      if (kind === 'indexed') {
        await expectIndex(log, stored);
        // What the index keeps of older trees depends on it.
        if (random.below(3) === 0 && log.size > 0) await log.publish(await cosigned(checkpoint.note));
      }
      await log[Symbol.asyncDispose]();

      next = Math.max(-1, ...stored.filter((entry) => entry.startsWith('entry ')).map(numberOf)) + 1;
      // Some that were cut off are appended again, as a caller does that got no answer.
      if (random.below(2) === 0) next = Math.max(0, next - 20);
    }

    expect(acknowledged.size).toBeGreaterThan(ROUNDS);
    const log = await Log.open(await LevelStore.open(at), { signer: SIGNER, ...rules });
    history.expectOf(await collect(log.entries()));
    for (const [index, { number }] of [...acknowledged].slice(-5)) {
      expect((await log.append(entryOf(number))).index).toBe(index);
    }
    await log[Symbol.asyncDispose]();
    expect((await readdir(at)).filter((name) => name !== 'checkpoint.cosigned')).toEqual([
      'checkpoint',
      'db',
      'log.json',
      'vitrine.json',
    ]);
    console.info(
      `${log.size} entries, ${acknowledged.size} of them acknowledged; ${unfinished} kills left entries unanswered`,
    );
  },
);
