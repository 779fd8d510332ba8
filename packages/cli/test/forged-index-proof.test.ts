import {
  decodeCbor,
  ed25519Signer,
  encodeCbor,
  formatTlogProof,
  formatVkey,
  type IndexProof,
  type PrivateKey,
  parseIndexProof,
  parseTlogProof,
  type StreamProof,
  type TlogProof,
} from '@vitrine/core';
import { LevelStore, Log } from '@vitrine/core/log';
import { signStatement, statementMapping } from '@vitrine/signer';
import { expect, test } from 'vitest';
import {
  ABSENT,
  changeIndexProof,
  type Question,
  refusal,
  verifyProof,
  workspaceWithProofs,
} from './support/index-proofs.ts';
import { appendStatements, ask, build } from './support/index-workspace.ts';
import { parseAs } from './support/json-schema.ts';
import { done, writePolicy } from './support/releases.ts';
import { OTHER_KEY, VENDOR_KEY, workspaceWithStatements } from './support/statement-workspace.ts';
import { fixedKey, LOG_KEY, WITNESS_KEY, type Workspace } from './support/workspace.ts';

test('a proof with any byte changed is refused', async () => {
  const w = await workspaceWithProofs('absent', 'about');
  // That another stream is not there can be as true, so whoever relies on its absence says which is meant.
  for (const [name, options] of [
    ['absent', ABSENT],
    ['about', []],
  ] as const) {
    const bytes = w.read(name);
    for (let at = 0; at < bytes.length; at += 5) {
      const changed = Buffer.from(bytes);
      changed[at] = changed[at]! ^ (at % 2 === 0 ? 1 : 2);
      w.write('changed', changed);
      const { status, stdout, stderr } = await verifyProof(w, 'changed', ...options);
      expect({ at, stdout, refused: status !== 0 }).toEqual({ at, stdout: '', refused: true });
      // Extra data that are no index proof any more are not known to be one.
      expect(stderr).toMatch(/^vitrine: (proof|note|checkpoint|policy|usage)(-[a-z]+)?: /);
    }
    w.write('changed', bytes);
    expect(await verifyProof(w, 'changed', ...options)).toMatchObject({ status: 0 });
  }
});

test('a policy that does not accept the checkpoint is followed', async () => {
  const w = await workspaceWithProofs('latest', 'streams');
  const other = fixedKey('example.com/other', 0x01, 3);
  const sameName = fixedKey('example.com/log', 0x01, 3);
  for (const [policy, code] of [
    [`log ${formatVkey(other.vkey)}\nquorum none\n`, 'policy-log'],
    [`log ${formatVkey(sameName.vkey)}\nquorum none\n`, 'note-unsigned'],
    [`log ${formatVkey(LOG_KEY.vkey)}\nwitness w4 ${formatVkey(WITNESS_KEY.vkey)}\nquorum w4\n`, 'policy-quorum'],
  ] as const) {
    w.write('policy', policy);
    for (const proof of ['latest', 'streams']) expect(await verifyProof(w, proof)).toEqual(refusal(code));
  }
});

test('an index that is older than the checkpoint is refused, however it is proven', async () => {
  const w = await workspaceWithProofs('latest', 'absent');
  await appendStatements(w, [[VENDOR_KEY, build('1.3')]]);
  const newest = 'the index that a checkpoint commits to is its last entry, 23, and the proof is of entry 21';
  // The old index entry is in the newer tree, and this shows it.
  await ask(w, 'prove', 'inclusion', '21', '--out', 'old-entry');
  await ask(w, 'latest', 'acme-av/stable', '--prove', '--out', 'new');
  const oldEntry = parseTlogProof(w.read('old-entry'));
  const fresh = parseTlogProof(w.read('new'));
  const { indexRoot } = parseIndexProof(fresh.extra!);
  for (const name of ['latest', 'absent']) {
    const original = w.read(name);
    const path = w.path(name);
    const changes: [{ tlog?: Partial<TlogProof>; indexRoot?: Uint8Array }, string, string][] = [
      [{ tlog: { checkpoint: fresh.checkpoint } }, 'proof-mismatch', `${path}: ${newest}`],
      [{ tlog: { checkpoint: fresh.checkpoint, proof: oldEntry.proof } }, 'proof-mismatch', `${path}: ${newest}`],
      // The place of the newer entry, with the older one's root; and the newer root, of which the proof is none.
      [{ tlog: { ...fresh } }, 'proof-mismatch', `${path}: `],
      [{ tlog: { ...fresh }, indexRoot }, 'proof-mismatch', `${path}: `],
      [{ tlog: { index: 23 } }, 'proof-mismatch', `${path}: .* its last entry, 21, and the proof is of entry 23`],
      [{ indexRoot }, 'proof-mismatch', `${path}: `],
    ];
    for (const [{ tlog = {}, indexRoot: root }, code, message] of changes) {
      w.write(name, original);
      changeIndexProof(w, name, (proof) => ({ tlog, ...(root && { extra: { ...proof, indexRoot: root } }) }));
      expect(await verifyProof(w, name, ...(name === 'absent' ? ABSENT : []))).toEqual(refusal(code, message));
    }
    w.write(name, original);
    // It is right for whoever has the older checkpoint.
    expect(await verifyProof(w, name, ...(name === 'absent' ? ABSENT : []))).toMatchObject({ status: 0 });
  }
});

test('what a proof leaves out, or says otherwise, is found', async () => {
  const w = await workspaceWithProofs('latest', 'history', 'part', 'about', 'streams');
  const source = parseTlogProof(w.read('history'));
  const { entries: builds } = parseIndexProof(source.extra!) as StreamProof;
  type Change = (proof: IndexProof) => IndexProof;
  const changes: [Question, string, Change][] = [
    ['latest', 'proof-mismatch', (proof) => ({ ...proof, record: null, entries: [] }) as IndexProof],
    ['latest', 'proof-mismatch', (proof) => ({ ...proof, entries: [builds[1]!] }) as IndexProof],
    ['latest', 'proof-mismatch', (proof) => ({ ...proof, entries: [] }) as IndexProof],
    [
      'latest',
      'proof-mismatch',
      (proof) =>
        ({ ...proof, stream: { type: 'build', stream: 'acme-av/stable', issuer: 'other.example' } }) as IndexProof,
    ],
    ['history', 'proof-length', (proof) => ({ ...proof, entries: builds.slice(1) }) as IndexProof],
    ['history', 'proof-mismatch', (proof) => ({ ...proof, entries: [builds[1], builds[0], builds[2]] }) as IndexProof],
    ['history', 'proof-range', (proof) => ({ ...proof, history: { from: 3, before: [] }, entries: [] }) as IndexProof],
    ['part', 'proof-length', (proof) => ({ ...proof, history: { from: 1, before: [] } }) as IndexProof],
    ['about', 'proof-mismatch', (proof) => ({ ...proof, record: null, entries: [] }) as IndexProof],
    [
      'about',
      'proof-mismatch',
      (proof) => {
        const { record, entries } = proof as Extract<IndexProof, { type: 'subject' }>;
        return { ...proof, record: record!.slice(1), entries: entries.slice(1) } as IndexProof;
      },
    ],
    [
      'about',
      'proof-mismatch',
      (proof) => {
        const { entries } = proof as Extract<IndexProof, { type: 'subject' }>;
        return { ...proof, entries: entries.slice(1) } as IndexProof;
      },
    ],
    [
      'streams',
      'proof-mismatch',
      (proof) => {
        const { streams } = proof as Extract<IndexProof, { type: 'streams' }>;
        return { ...proof, streams: streams.slice(1) } as IndexProof;
      },
    ],
  ];
  for (const [name, code, change] of changes) {
    const original = w.read(name);
    changeIndexProof(w, name, (proof) => ({ extra: change(proof) }));
    expect(await verifyProof(w, name)).toEqual(refusal(code));
    w.write(name, original);
    expect(await verifyProof(w, name)).toMatchObject({ status: 0 });
  }
});

/** A log with an index that takes any statement: the newest of acme-av/stable is `entry`. */
async function workspaceWithUnjudged(entry: Uint8Array): Promise<Workspace> {
  const w = await workspaceWithStatements();
  writePolicy(w);
  const signer = ed25519Signer(LOG_KEY);
  const log = await Log.create((description) => LevelStore.create(w.path('unjudged'), description), {
    origin: 'example.com/log',
    vkeys: [formatVkey(LOG_KEY.vkey)],
    kind: 'statements',
    duplicates: false,
    signer,
    admission: { admit: async () => [] },
    mapping: statementMapping,
  });
  await log.append(entry);
  await log[Symbol.asyncDispose]();
  for (const question of ['latest', 'history']) {
    await done(w, [question, 'acme-av/stable', '--prove', '--out', question, '--log', 'unjudged']);
  }
  return w;
}

const signed = (key: PrivateKey, audience: string): Promise<Uint8Array> =>
  signStatement(build('1.0'), { signer: ed25519Signer(key), audience, issuedAt: 1_700_000_000 });

test("another log's statement is refused, also where a log has it in its index", async () => {
  const w = await workspaceWithUnjudged(await signed(VENDOR_KEY, 'example.com/other'));
  for (const proof of ['latest', 'history']) {
    const other = 'the statement is meant for the log example.com/other, and stands in example.com/log\n$';
    for (const signer of [[], ['--signer', 'vendor.vkey']]) {
      expect(await verifyProof(w, proof, ...signer)).toEqual(refusal('statement-proof-mismatch', other));
    }
  }
});

test('a forged signature is refused if somebody names the key, and otherwise said to be unchecked', async () => {
  const entry = await signed(VENDOR_KEY, 'example.com/log');
  entry[entry.length - 1]! ^= 1;
  const w = await workspaceWithUnjudged(entry);
  for (const proof of ['latest', 'history']) {
    expect(await verifyProof(w, proof, '--signer', 'vendor.vkey')).toEqual(refusal('statement-signature'));
    expect((await verifyProof(w, proof)).stdout).toMatch(/^signature +NOT CHECKED: /m);
  }
  w.write('other.vkey', formatVkey(OTHER_KEY.vkey));
  expect(await verifyProof(w, 'latest', '--signer', 'other.vkey')).toEqual(refusal('statement-key'));
});

test('no name in a proof can draw rows that nobody verified', async () => {
  const w = await workspaceWithProofs('absent');
  // Of such a name every log proves that it has none.
  const name = { type: 'build\nverified', issuer: 'a\u001b[2J', stream: 'b\nverified  the newest' };
  const log = await Log.open(await LevelStore.open(w.path('log')));
  const { index, claim } = await log.proveAbsent(name);
  await log[Symbol.asyncDispose]();
  expect(index.size).toBe(22);
  changeIndexProof(w, 'absent', () => ({ extra: { type: 'stream', ...claim, entries: [] } }));
  const asked = ['--absent', '--stream', name.stream, '--type', name.type, '--issuer', name.issuer];
  const { status, stdout } = await verifyProof(w, 'absent', ...asked);
  expect(status).toBe(0);
  expect(stdout.split('\n').slice(0, 3)).toEqual([
    'verified   no statement of the stream b\\nverified  the newest',
    'type       build\\nverified',
    'issuer     a\\u{1b}[2J',
  ]);
  expect(stdout.match(/^verified/gm)).toHaveLength(1);
  parseAs('verify', (await verifyProof(w, 'absent', ...asked, '--json')).stdout);
});

test('an index proof of a later version, or with a field that is not known, is not guessed at', async () => {
  const w = await workspaceWithProofs('latest');
  const tlog = parseTlogProof(w.read('latest'));
  const rewrite = (change: Record<string, unknown>): void => {
    const map = new Map(decodeCbor(tlog.extra!, 'the proof') as ReadonlyMap<string, never>);
    for (const [key, value] of Object.entries(change)) map.set(key, value as never);
    w.write('changed', formatTlogProof({ ...tlog, extra: encodeCbor(map) }));
  };
  const path = w.path('changed');
  rewrite({ v: 2 });
  expect(await verifyProof(w, 'changed')).toEqual(
    refusal('proof-malformed', `${path}: .*version .*: use a newer one\n$`),
  );
  rewrite({ unknown: 1 });
  expect(await verifyProof(w, 'changed')).toEqual(refusal('proof-malformed', `${path}: `));
  rewrite({});
  expect(await verifyProof(w, 'changed')).toMatchObject({ status: 0 });
});
