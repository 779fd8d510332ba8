import { leafHash } from '@vitrine/core';
import { fsck, Log } from '@vitrine/core/log';
import { MemoryDisk, MemoryStore } from '@vitrine/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  admittedKeys,
  type Payload,
  parseStatement,
  type Role,
  SignerError,
  type Statement,
  statementAdmission,
} from '../../src/index.ts';
import {
  adding,
  build,
  database,
  handling,
  LOG_KEY,
  NOW,
  ORIGIN,
  OTHER_VENDOR,
  type Party,
  party,
  REVIEWER,
  removing,
  review,
  sign,
  source,
  VENDOR,
  withdrawal,
} from './support.ts';

/** A log as a list of what it took, judged by reading all of it every time. */
class NaiveLog {
  readonly taken: { readonly hex: string; readonly statement: Statement }[] = [];

  find(hash: Uint8Array): Statement | undefined {
    return this.taken.find(({ hex }) => hex === toHex(hash))?.statement;
  }

  /** By vkey. */
  keys(): Map<string, Role> {
    const keys = new Map<string, Role>();
    for (const { statement } of this.taken) {
      if (statement.payload.type !== 'admission') continue;
      for (const { role, vkey } of statement.payload.add ?? []) keys.set(vkey, role);
      for (const removed of statement.payload.remove ?? []) {
        for (const vkey of keys.keys()) if (isNamed(vkey, removed)) keys.delete(vkey);
      }
    }
    return keys;
  }

  /** The code to refuse it with; undefined to take it. */
  judge(statement: Statement, signedBy: Party): string | undefined {
    const { payload, issuer } = statement;
    const keys = this.keys();
    if (statement.audience !== ORIGIN) return 'admission-audience';
    if (payload.type === 'admission') {
      if (signedBy !== LOG_KEY) return 'admission-key';
      const missing = (payload.remove ?? []).some(
        (removed) => ![...keys.keys()].some((vkey) => isNamed(vkey, removed)),
      );
      return missing ? 'admission-key' : undefined;
    }
    const role = keys.get(signedBy.vkey);
    if (role === undefined) return 'admission-key';
    if ((payload.type === 'review') !== (role === 'reviewer')) return 'admission-role';

    const own = this.taken.filter(
      (one) =>
        one.statement.payload.type === payload.type &&
        one.statement.issuer === issuer &&
        one.statement.stream === statement.stream,
    );
    if (payload.type === 'build' && payload.source !== undefined) {
      const of = this.find(payload.source);
      if (of?.payload.type !== 'source') return 'admission-subject';
      if (of.issuer !== issuer || of.payload.product !== payload.product) return 'admission-issuer';
    }
    if (payload.type === 'database') {
      const last = own.at(-1);
      const sequence = last?.statement.payload.type === 'database' ? last.statement.payload.sequence : -1;
      if (payload.sequence <= sequence) return 'admission-sequence';
      if (payload.previous !== undefined && toHex(payload.previous) !== last?.hex) return 'admission-sequence';
    }
    if (payload.type === 'review') {
      const of = this.find(payload.subject);
      if (of === undefined || !RELEASES.includes(of.payload.type)) return 'admission-subject';
      if (payload.verdict === 'reproduced' && of.payload.type !== 'build') return 'admission-subject';
      return of.issuer === issuer ? 'admission-issuer' : undefined;
    }
    if (payload.type === 'withdrawal') {
      const of = this.find(payload.subject);
      if (of === undefined || !RELEASES.includes(of.payload.type)) return 'admission-subject';
      if (of.issuer !== issuer) return 'admission-issuer';
      if (payload.replacement === undefined) return undefined;
      const other = this.find(payload.replacement);
      if (other === undefined || !RELEASES.includes(other.payload.type)) return 'admission-subject';
      if (other.issuer !== issuer) return 'admission-issuer';
      const fits = other.stream === of.stream && other.payload.type === of.payload.type && other !== of;
      return fits ? undefined : 'admission-subject';
    }
    const withdrawn = this.taken.flatMap(({ statement: { payload } }) =>
      payload.type === 'withdrawal' ? [toHex(payload.subject)] : [],
    );
    const again = own.some(
      (one) => withdrawn.includes(one.hex) && contentOf(one.statement.payload) === contentOf(payload),
    );
    return again ? 'admission-withdrawn' : undefined;
  }
}

const isNamed = (vkey: string, { keyName, keyId }: { keyName: string; keyId: number }): boolean =>
  vkey.startsWith(`${keyName}+${keyId.toString(16).padStart(8, '0')}+`);

const RELEASES = ['source', 'build', 'database'];

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function contentOf(payload: Payload): unknown {
  if (payload.type === 'source') return toHex(payload.tree.root);
  if (payload.type === 'build' || payload.type === 'database') {
    return payload.artifacts!.map(({ sha256 }) => toHex(sha256)).join();
  }
  return payload;
}

/** Another key of the vendor's name, which reviews. */
const VENDORS_LAB = party('vendor.example', 8);
const PARTIES: readonly Party[] = [VENDOR, OTHER_VENDOR, REVIEWER];
const SIGNERS: readonly Party[] = [...PARTIES, ...Array<Party>(8).fill(VENDOR), party('stranger.example', 5)];

/** The leaf hash of an earlier leaf, counted from the newest. */
type LeafOf = (of: number) => Uint8Array;

/** What is tried: by whom, and what, given a way to name an earlier leaf. */
interface Attempt {
  readonly by: Party;
  readonly payload: (leaf: LeafOf) => Payload;
  readonly audience: string;
  readonly issuedAt: number;
}

const small = fc.integer({ min: 1, max: 2 });
// Counted from the newest, up to 5 of releases only, so that most of them fit, or nearly so.
const leafOf = fc.nat({ max: 9 });
const payloads: fc.Arbitrary<{ by?: Party; payload: Attempt['payload'] }> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom(...PARTIES), fc.constantFrom<Role>(...Array<Role>(9).fill('vendor'), 'reviewer'))
      .map(([one, role]) => ({
        by: LOG_KEY,
        payload: () => adding(one === REVIEWER && role === 'vendor' ? 'reviewer' : role, one),
      })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...PARTIES).map((one) => ({ by: LOG_KEY, payload: () => removing(one) })),
  },
  { weight: 1, arbitrary: fc.constantFrom(...PARTIES).map((one) => ({ payload: () => removing(one) })) },
  { weight: 9, arbitrary: small.map((root) => ({ payload: () => source(root) })) },
  {
    weight: 12,
    arbitrary: fc
      .tuple(small, fc.option(leafOf), fc.constantFrom('product', 'product', 'product', 'other'))
      .map(([file, of, product]) => ({
        payload: (leaf: LeafOf) => build(file, { product, ...(of !== null && { source: leaf(of) }) }),
      })),
  },
  {
    weight: 12,
    arbitrary: fc.tuple(fc.integer({ min: 0, max: 8 }), small, fc.option(leafOf)).map(([sequence, file, of]) => ({
      payload: (leaf: LeafOf) => database(sequence, { file, ...(of !== null && { previous: leaf(of) }) }),
    })),
  },
  {
    weight: 10,
    arbitrary: fc
      .tuple(
        fc.constantFrom(REVIEWER, REVIEWER, VENDORS_LAB),
        leafOf,
        fc.constantFrom('reviewed' as const, 'reproduced' as const),
      )
      .map(([by, of, verdict]) => ({ by, payload: (leaf: LeafOf) => review(leaf(of), verdict) })),
  },
  {
    weight: 16,
    arbitrary: fc.tuple(leafOf, fc.option(leafOf)).map(([of, other]) => ({
      payload: (leaf: LeafOf) => withdrawal(leaf(of), other === null ? undefined : leaf(other)),
    })),
  },
  { weight: 1, arbitrary: fc.constant({ payload: () => handling() }) },
);
const attempts: fc.Arbitrary<Attempt> = fc
  .record({
    what: payloads,
    signer: fc.constantFrom(...SIGNERS),
    audience: fc.constantFrom(...Array(30).fill(ORIGIN), 'other.example/log'),
    issuedAt: fc.integer({ min: NOW, max: NOW + 3 }),
  })
  .map(({ what, signer, ...rest }) => ({ by: what.by ?? signer, payload: what.payload, ...rest }));

/** One step: a batch, or the log is opened again. */
const steps = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: attempts.map((attempt) => [attempt]) },
    { weight: 3, arbitrary: fc.array(attempts, { minLength: 2, maxLength: 4 }) },
    { weight: 1, arbitrary: fc.constant('reopen' as const) },
  ),
  { minLength: 50, maxLength: 100, size: 'max' },
);

test('a random history is judged as by reading the whole log every time', { timeout: 120_000 }, async () => {
  const outcomes = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      const disk = new MemoryDisk();
      const options = { signer: LOG_KEY.signer, admission: statementAdmission };
      const description = { origin: ORIGIN, vkeys: [LOG_KEY.vkey], kind: 'statements', duplicates: false } as const;
      let log = await Log.create((bytes) => MemoryStore.create(disk, bytes), { ...description, ...options });
      const model = new NaiveLog();
      const leaf = (of: number): Uint8Array => {
        const among = of > 5 ? model.taken : model.taken.filter((one) => RELEASES.includes(one.statement.payload.type));
        const found = among.at(-1 - (of % 6));
        return found === undefined ? new Uint8Array(32).fill(of) : new Uint8Array(Buffer.from(found.hex, 'hex'));
      };
      for (const first of [adding('vendor', VENDOR, OTHER_VENDOR), adding('reviewer', VENDORS_LAB)]) {
        const entry = await sign(LOG_KEY, first);
        await log.append(entry);
        model.taken.push({ hex: toHex(leafHash(entry)), statement: parseStatement(entry) });
      }

      for (const step of history) {
        if (step === 'reopen') {
          await log[Symbol.asyncDispose]();
          log = await Log.open(await MemoryStore.open(disk), options);
          continue;
        }
        const before = model.taken.length;
        const entries: Uint8Array[] = [];
        const expected: number[] = [];
        let code: string | undefined;
        for (const { by, payload, audience, issuedAt } of step) {
          const entry = await sign(by, payload(leaf), audience, issuedAt);
          entries.push(entry);
          if (code !== undefined) continue;
          const hex = toHex(leafHash(entry));
          const known = model.taken.findIndex((one) => one.hex === hex);
          expected.push(known === -1 ? model.taken.length : known);
          if (known !== -1) continue;
          const statement = parseStatement(entry);
          code = model.judge(statement, by);
          if (code === undefined) model.taken.push({ hex, statement });
        }
        if (code !== undefined) model.taken.splice(before);

        const found = await appended(log, entries);
        expect(found).toEqual(code ?? expected);
        expect(log.size).toBe(model.taken.length);
        outcomes.set(code ?? 'taken', (outcomes.get(code ?? 'taken') ?? 0) + 1);
      }
      const { admitted } = await admittedKeys(log);
      expect(new Map(admitted.map(({ vkey, role }) => [vkey, role]))).toEqual(model.keys());
      await log[Symbol.asyncDispose]();
      await fsck(await MemoryStore.open(disk), { admission: statementAdmission });
    }),
    { numRuns: 30, verbose: 1 },
  );
  // The histories say something about every rule.
  for (const code of ['taken', ...CODES]) expect(outcomes.get(code) ?? 0, code).toBeGreaterThan(0);
});

const CODES = ['audience', 'key', 'role', 'sequence', 'subject', 'issuer', 'withdrawn'].map(
  (name) => `admission-${name}`,
);

async function appended(log: Log, entries: readonly Uint8Array[]): Promise<number[] | string> {
  const indices: number[] = [];
  try {
    for await (const batch of log.appendAll(entries)) indices.push(...[...batch].map(({ index }) => index));
    return indices;
  } catch (error) {
    if (error instanceof SignerError) return error.code;
    throw error;
  }
}
