import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import {
  addSignatures,
  cosignatureTime,
  equalBytes,
  formatSignedNote,
  formatVkey,
  openCheckpoint,
  type PrivateKey,
  parseDecimal,
  parseSignatureLines,
  parseSignedNote,
} from '@vitrine/core';
import { SeededRandom } from '@vitrine/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { originHash } from '../src/witness/origin-hash.ts';
import { temporaryDirectory } from './support/directory.ts';
import { THIRD } from './support/gathering.ts';
import { keyOf, schemes, TestLog } from './support/logs.ts';
import { ED25519, ML_DSA } from './support/witnesses.ts';

const ROUNDS = Number(process.env['RACE_ROUNDS'] ?? 15);
const SEED = Number(process.env['SEED'] ?? 1);
const SIZE = 4000;
/** Entries that both histories of a log begin with. */
const SHARED = 40;

/** A log that signs two histories, with one key. */
class TwoFacedLog {
  readonly origin: string;
  readonly histories: readonly [TestLog, TestLog];
  /** The largest size that anybody was asked to cosign. */
  top = 0;

  constructor(n: number) {
    this.origin = `example.com/log${n}`;
    const keys = [keyOf(this.origin, 0x01, 10 + n)];
    const options = { origin: this.origin, keys, size: SIZE };
    this.histories = [new TestLog(options), new TestLog({ ...options, name: 'other', shared: SHARED })];
  }

  get vkey(): PrivateKey['vkey'] {
    return this.histories[0].vkeys[0]!;
  }
}

/** What one witness has said of one log, and whether it fits together. */
class Record {
  readonly log: TwoFacedLog;
  readonly keys: readonly PrivateKey[];
  /** The largest size that it has cosigned or named. */
  size = 0;
  /** The largest size that it has cosigned. If it was killed before its cosignature was kept, it is held to a larger one. */
  cosigned = 0;
  /** The histories that all it cosigned can be of. */
  histories: readonly TestLog[];
  /** By key, the least and the greatest time for each size. */
  readonly #times = new Map<string, Map<number, { least: number; greatest: number }>>();

  constructor(log: TwoFacedLog, keys: readonly PrivateKey[]) {
    this.log = log;
    this.keys = keys;
    this.histories = log.histories;
  }

  /** A cosigned checkpoint; `least` is the size that was acknowledged when the request for it was made. */
  see(note: Uint8Array, least: number): void {
    const cosigners = this.keys.map(({ vkey }) => vkey);
    const opened = openCheckpoint(note, { origin: this.log.origin, keys: [this.log.vkey], cosigners, schemes });
    const { size, root } = opened.checkpoint;
    expect(size, 'no size goes back').toBeGreaterThanOrEqual(least);
    this.histories = this.histories.filter(({ tree }) => equalBytes(tree.root(size), root));
    expect(this.histories.length, 'no two cosignatures disagree').toBeGreaterThan(0);
    this.size = Math.max(this.size, size);
    this.cosigned = Math.max(this.cosigned, size);
    const own = opened.note.verified.filter(({ verifier }) => verifier.keyName.startsWith('witness.'));
    expect(own).toHaveLength(this.keys.length);
    for (const { verifier, signatures } of own) {
      const times = this.#times.get(verifier.keyName) ?? new Map();
      this.#times.set(verifier.keyName, times);
      for (const time of signatures.map(cosignatureTime)) {
        const before = times.get(size) ?? { least: time, greatest: time };
        times.set(size, { least: Math.min(before.least, time), greatest: Math.max(before.greatest, time) });
      }
    }
  }

  /** A size that was named; `least` as in {@link see}. */
  name(size: number, least: number): void {
    expect(size, 'no size goes back').toBeGreaterThanOrEqual(least);
    this.size = Math.max(this.size, size);
  }

  /** What says that a tree was the largest at a time is of no later time than what says so of a larger one. */
  checkTimes(): void {
    for (const times of this.#times.values()) {
      let last = 0;
      for (const [, { least, greatest }] of Array.from(times).sort(([a], [b]) => a - b)) {
        expect(least).toBeGreaterThanOrEqual(last);
        last = greatest;
      }
    }
  }
}

/** Both witnesses, in a process of their own. */
class Witnesses {
  readonly #child: ChildProcess;
  readonly ports: Promise<number[]>;
  #errors = '';

  constructor(directory: string, skew: number, logs: readonly TwoFacedLog[]) {
    const script = join(import.meta.dirname, 'race-witnesses.js');
    const vkeys = logs.map(({ vkey }) => formatVkey(vkey));
    this.#child = spawn(process.execPath, [script, directory, String(skew), ...vkeys]);
    this.#child.stderr!.on('data', (data) => {
      this.#errors += data;
    });
    this.ports = new Promise((resolve, reject) => {
      this.#child.stdout!.once('data', (data) => resolve(String(data).trim().split(' ').map(Number)));
      this.#child.once('exit', () => reject(new Error(`the witnesses ended: ${this.#errors}`)));
    });
    this.ports.catch(() => {});
  }

  async kill(): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
    // Nothing that it cannot do is worth a test.
    expect(this.#errors).toBe('');
  }
}

/** A request of the kinds that honest, late, confused and forging clients make. */
async function request(
  random: SeededRandom,
  log: TwoFacedLog,
  known: number,
): Promise<{ body: Uint8Array; note: Uint8Array }> {
  const history = log.histories[random.below(8) === 0 ? 1 : 0]!;
  const size = Math.min(SIZE, known + random.below(4));
  const oldSize = random.below(3) > 0 ? known : random.below(size + 1);
  log.top = Math.max(log.top, size);
  const note = await history.note(size);
  if (random.below(10) === 0) return { body: await history.request(oldSize, size, { proof: [] }), note };
  return { body: await history.request(oldSize, size), note };
}

test(`In ${ROUNDS} rounds of requests at once, with kills and restarts (seed ${SEED}), no size goes back, and no two cosignatures of one witness disagree`, {
  timeout: 3_600_000,
}, async () => {
  const random = new SeededRandom(SEED);
  const directory = temporaryDirectory();
  const logs = [0, 1, 2].map((n) => new TwoFacedLog(n));
  const records = [[ED25519], [THIRD, ML_DSA]].map((keys) => logs.map((log) => new Record(log, keys)));
  let witnesses = new Witnesses(directory, 0, logs);
  onTestFinished(() => witnesses.kill());
  const counts = { 200: 0, 409: 0, 422: 0, killed: 0, unanswered: 0 };

  const ask = async (port: number, record: Record): Promise<void> => {
    const least = record.size;
    const { body, note } = await request(random, record.log, least);
    let status: number;
    let answer: Uint8Array;
    try {
      const response = await fetch(`http://127.0.0.1:${port}/add-checkpoint`, {
        method: 'POST',
        body: new Uint8Array(body),
      });
      status = response.status;
      answer = new Uint8Array(await response.arrayBuffer());
    } catch {
      counts.unanswered++;
      return;
    }
    if (status === 200) {
      const signed = addSignatures(parseSignedNote(note), parseSignatureLines(answer));
      record.see(formatSignedNote(signed), least);
    } else if (status === 409) {
      record.name(parseDecimal(new TextDecoder().decode(answer).slice(0, -1), 'the size'), least);
    } else expect(status).toBe(422);
    counts[status as 200 | 409 | 422]++;
  };

  for (let round = 0; round < ROUNDS; round++) {
    const ports = await witnesses.ports;
    const asked = records.flatMap((ofWitness, i) => {
      const record = ofWitness[random.below(ofWitness.length)]!;
      return Array.from({ length: 4 + random.below(8) }, () => ask(ports[i]!, record));
    });
    const isKilled = random.below(4) === 0;
    if (isKilled) {
      await setTimeout(random.below(25));
      await witnesses.kill();
      counts.killed++;
    }
    await Promise.all(asked);
    if (isKilled) {
      // A clock that is set back or forward meanwhile.
      witnesses = new Witnesses(directory, random.below(200) - 100, logs);
      await witnesses.ports;
    }
    const now = await witnesses.ports;
    for (const [i, ofWitness] of records.entries()) {
      for (const record of ofWitness) {
        const least = record.cosigned;
        const shown = await fetch(`http://127.0.0.1:${now[i]!}/${originHash(record.log.origin)}/checkpoint`);
        if (shown.status === 200) record.see(new Uint8Array(await shown.arrayBuffer()), least);
        else expect([shown.status, least]).toEqual([404, 0]);
        // What a client that missed an answer does.
        const body = await record.log.histories[0].request(0, 1);
        const named = await fetch(`http://127.0.0.1:${now[i]!}/add-checkpoint`, {
          method: 'POST',
          body: new Uint8Array(body),
        });
        if (named.status === 409) record.name(Number(await named.text()), record.size);
        else expect([named.status, record.size]).toEqual([200, 0]);
      }
    }
  }
  for (const ofWitness of records) for (const record of ofWitness) record.checkTimes();
  expect(counts.killed).toBeGreaterThan(0);
  expect(counts.unanswered).toBeGreaterThan(0);
  for (const status of [200, 409, 422] as const) expect(counts[status], String(status)).toBeGreaterThan(0);
  // All of it was not of the few sizes that the histories have in common.
  for (const { top } of logs) expect(top).toBeGreaterThan(Math.min(SHARED + 5, ROUNDS / 4));
});
