import { MemoryStore, nameOf, ReferenceIndex, SeededRandom, streamKeyOf } from '@vitrine/testkit';
import { expect, test } from 'vitest';
import { fsck } from '../../src/log/fsck.ts';
import type { Log } from '../../src/log/log.ts';
import { verifyHistory, verifyStream, verifyStreams, verifySubject } from '../../src/log-index/index-claim.ts';
import { indexEntryOf, verifyIndexInclusion } from '../../src/log-index/index-entry.ts';
import type { StreamName } from '../../src/log-index/stream.ts';
import { leafHash } from '../../src/tree/hash.ts';
import { collect, utf8 } from './fixtures.ts';
import { commit, createIndexed, MAPPING, openIndexed, statement, word } from './indexed-fixtures.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const STATEMENTS = 10_000;

const TYPES = ['source', 'build', 'database', 'handling'];

interface History {
  readonly statements: number;
  readonly streams: number;
  /** Most entries of one commit. */
  readonly batch: number;
  /** Subjects that are looked at after each commit; all of them at the end. */
  readonly looks: number;
}

/** Random statements about random streams and about one another. */
class Author {
  readonly names: readonly StreamName[];
  readonly subjects: Uint8Array[] = [];
  readonly #random: SeededRandom;
  #written = 0;

  constructor(random: SeededRandom, streams: number) {
    this.#random = random;
    this.names = Array.from({ length: streams }, (_, i) => ({
      type: TYPES[i % TYPES.length]!,
      issuer: `vendor${i % 7}.example`,
      stream: `product-${Math.floor(i / 3)}/stable`,
    }));
  }

  next(): Uint8Array {
    const random = this.#random;
    const n = this.#written++;
    const kind = random.below(20);
    if (kind === 0) return utf8(`something else ${n}`);
    if (kind < 6 && this.subjects.length > 0) {
      // Also of what the log does not have.
      const subject = random.below(10) === 0 ? random.bytes(32) : this.subjects[random.below(this.subjects.length)]!;
      const type = random.below(3) === 0 ? 'withdrawal' : 'review';
      return word(type, `reviewer${random.below(4)}.example`, subject, n);
    }
    // Some streams far more often than others.
    const entry = statement(this.names[random.below(1 + random.below(this.names.length))]!, n);
    this.subjects.push(leafHash(entry));
    return entry;
  }
}

/** That the log says and proves of a stream what the reference has. */
async function expectStream(
  log: Log,
  reference: ReferenceIndex,
  name: StreamName,
  random: SeededRandom,
): Promise<void> {
  const history = reference.history(name);
  const { size } = log;
  const latest = await log.latest(name);
  if (history.length === 0) {
    expect(latest).toBeUndefined();
    const { index, claim } = await log.proveAbsent(name);
    verifyIndexInclusion({ ...index, size, root: log.root });
    verifyStream({ ...claim, indexRoot: index.indexRoot });
    if (random.below(20) === 0) expect(claim.proof).toEqual(reference.tree().prove(streamKeyOf(name)));
    return;
  }
  const { indices } = reference.streams.get(nameOf(name))!;
  expect(latest).toMatchObject({ position: history.length - 1, index: indices.at(-1), leafHash: history.at(-1) });
  const from = random.below(history.length);
  const statements = await collect(log.history(name, from));
  expect(statements).toEqual(
    history.slice(from).map((hash, i) => ({ position: from + i, index: indices[from + i], leafHash: hash })),
  );
  const { index, claim } = await log.proveLatest(name);
  verifyIndexInclusion({ ...index, size, root: log.root });
  verifyStream({ ...claim, indexRoot: index.indexRoot });
  expect(claim.record).toMatchObject({ count: history.length, last: history.at(-1) });
  const proven = await log.proveHistory(name, from);
  verifyHistory({ ...proven.history, record: claim.record });
  expect(proven.history.leafHashes).toEqual(history.slice(from));
}

/** That the log says and proves of a subject what the reference has. */
async function expectSubject(log: Log, reference: ReferenceIndex, subject: Uint8Array): Promise<void> {
  const words = reference.subjects.get(Buffer.from(subject).toString('hex'));
  const record = await log.subject(subject);
  const { index, claim } = await log.proveSubject(subject);
  verifyIndexInclusion({ ...index, size: log.size, root: log.root });
  verifySubject({ ...claim, indexRoot: index.indexRoot });
  expect(claim.record).toEqual(record);
  if (words === undefined) expect(record).toBeNull();
  else {
    expect(record).toHaveLength(words.size);
    for (const element of record!) expect(words.get(`${element.type} ${element.issuer}`)).toEqual(element);
  }
}

/** That the log says and proves at its newest size what the reference has: of all streams, and of some subjects or all. */
async function expectIndex(log: Log, author: Author, random: SeededRandom, looks: number): Promise<void> {
  const leaves = await collect(log.entries());
  const last = indexEntryOf(leaves.at(-1)!)!;
  expect(last.size).toBe(leaves.length - 1);
  const reference = new ReferenceIndex(leaves.slice(0, -1), MAPPING);
  expect(last.root).toEqual(reference.tree().root());
  for (const name of author.names) await expectStream(log, reference, name, random);

  const streams = await collect(log.streams());
  expect(new Set(streams.map(({ stream }) => nameOf(stream)))).toEqual(new Set(reference.streams.keys()));
  const { index, claim } = await log.proveStreams();
  verifyIndexInclusion({ ...index, size: log.size, root: log.root });
  verifyStreams({ ...claim, indexRoot: index.indexRoot });
  expect(claim.streams).toEqual(streams);
  expect(claim.subjects).toHaveLength(reference.subjects.size);

  const { subjects } = author;
  const chosen =
    looks >= subjects.length ? subjects : Array.from({ length: looks }, () => subjects[random.below(subjects.length)]!);
  for (const subject of chosen) await expectSubject(log, reference, subject);
}

test.each<History>([
  { statements: 150, streams: 12, batch: 1, looks: 200 },
  { statements: 400, streams: 200, batch: 20, looks: 20 },
  { statements: 3_000, streams: 1, batch: 100, looks: 5 },
  { statements: STATEMENTS, streams: 400, batch: 1_500, looks: 20 },
])(
  `an index of $statements statements in $streams streams agrees with plain maps at every size (seed ${SEED})`,
  async ({ statements, streams, batch, looks }) => {
    const random = new SeededRandom(SEED);
    const author = new Author(random, streams);
    let { disk, log } = await createIndexed();
    for (let left = statements; left > 0; ) {
      const entries = Array.from({ length: Math.min(left, 1 + random.below(batch)) }, () => author.next());
      await commit(log, entries);
      left -= entries.length;
      await expectIndex(log, author, random, looks);
      if (random.below(30) > 0) continue;
      await log[Symbol.asyncDispose]();
      ({ disk, log } = await openIndexed(disk));
    }
    await expectIndex(log, author, random, statements);
    await log[Symbol.asyncDispose]();
    await fsck(await MemoryStore.open(disk), { mapping: MAPPING });
  },
);
