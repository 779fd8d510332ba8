import {
  addSignatures,
  cosign,
  cosignerOf,
  ed25519Signer,
  formatSignedNote,
  formatVkey,
  type NoteSignature,
  type PrivateKey,
  parseSignedNote,
} from '@vitrine/core';
import { changed, DAILY, daily, trustText, withDaily, withStatements } from '../attempt.ts';
import { withLargeScalar } from '../corner-attacks.ts';
import {
  database,
  INDEX_CHECKER,
  LOG_KEY,
  ML_DSA_LOG_KEY,
  ML_DSA_WITNESS,
  NOW,
  OTHER_CHECKER,
  SCHEMES,
  TRUST_HEAD,
  utf8,
  WITNESSES,
} from '../world.ts';
import { accepted, type CaseInput, type ConformanceCase, refused } from './case.ts';

/** The release of the day with another note in the bundle. */
async function withNote(
  change: (note: Uint8Array) => Uint8Array | Promise<Uint8Array>,
  input: Partial<CaseInput> = {},
): Promise<CaseInput> {
  const { world, leaf } = await withDaily();
  const { note } = await world.checkpoint();
  const checkpoint = await change(note);
  const bundle = changed(await world.bundle(leaf), () => ({ checkpoint }));
  return { request: daily('one'), bundle, trust: DAILY, ...input };
}

/** A text, signed and cosigned as the world's checkpoints are, whether it is a checkpoint or not. */
async function signed(text: string): Promise<Uint8Array> {
  const time = NOW - 60;
  const stamp = new Uint8Array(8);
  new DataView(stamp.buffer).setBigUint64(0, BigInt(time));
  const signatures = [
    { ...LOG_KEY.vkey, signature: await ed25519Signer(LOG_KEY).sign(utf8(text)) },
    ...(await Promise.all(
      WITNESSES.map(async (witness) => {
        // https://c2sp.org/tlog-cosignature
        const message = utf8(`cosignature/v1\ntime ${time}\n${text}`);
        const signature = new Uint8Array([...stamp, ...(await cosignerOf(witness).sign(message))]);
        return { ...witness.vkey, signature };
      }),
    )),
  ];
  return formatSignedNote({ text, signatures });
}

const resigned = (change: (text: string) => string) => (note: Uint8Array) => signed(change(parseSignedNote(note).text));

/** Text of a note, changed after it was signed. */
const rewritten = (change: (note: string) => string) => (note: Uint8Array) =>
  utf8(change(new TextDecoder().decode(note)));

const padding = (count: number, size: number): NoteSignature[] =>
  Array.from({ length: count }, (_, i) => ({
    keyName: `padding-${i}.example`,
    keyId: i,
    signature: new Uint8Array(size).fill(i),
  }));

/** The release of the day, cosigned by these, under this quorum. */
async function cosignedBy(witnesses: readonly PrivateKey[], ...lines: readonly string[]): Promise<CaseInput> {
  const { world, leaf } = await withDaily();
  const times = witnesses.map((witness) => [witness, NOW - 60] as const);
  const head = TRUST_HEAD.filter((line) => !/^(group|quorum) /.test(line));
  const trust = `${[...head, `witness checker2 ${formatVkey(OTHER_CHECKER.vkey)}`, ...lines, 'release daily signed-by acme any-age'].join('\n')}\n`;
  return { request: daily('one'), bundle: await world.bundle(leaf, { times }), trust };
}

const [W1, W2, W3] = WITNESSES;
const NESTED = [
  'group zurich any w1 checker',
  'group toronto any w2 checker2',
  'group seen 2 zurich toronto w3',
  'quorum seen',
];

/** The bundle of the second of three releases, with other claims in its proof. */
async function proving(change: Parameters<typeof changed>[1], earlier: readonly number[] = []): Promise<CaseInput> {
  const { world } = await withDaily();
  const { leaf } = await world.say(database(2, 'two'));
  await world.say(database(3, 'three'));
  return { request: daily('two'), bundle: changed(await world.bundle(leaf, { earlier }), change), trust: DAILY };
}

const withoutEd25519 = async (note: Uint8Array): Promise<Uint8Array> => {
  const { text, signatures } = parseSignedNote(note);
  const cosigner = cosignerOf(ML_DSA_LOG_KEY, { schemes: SCHEMES });
  const own = await cosign({ text, cosigner, time: 0 });
  return formatSignedNote({ text, signatures: [own, ...signatures.slice(1)] });
};
const ML_DSA_LOG = DAILY.replace(formatVkey(LOG_KEY.vkey), formatVkey(ML_DSA_LOG_KEY.vkey));
const EITHER_KEY = `log ${formatVkey(ML_DSA_LOG_KEY.vkey)}\n${DAILY}`;

/** Notes, witnesses and quorums, and the proof. */
export const CHECKPOINT_CASES: readonly ConformanceCase[] = [
  accepted('lines of keys that nobody knows', () =>
    withNote((note) => formatSignedNote(addSignatures(parseSignedNote(note), padding(60, 4)))),
  ),
  refused('checkpoint-malformed', 'more than 64 signature lines', () =>
    withNote((note) =>
      utf8(`${new TextDecoder().decode(note)}${Array.from({ length: 61 }, (_, i) => `— p${i} AAAAAAAA\n`).join('')}`),
    ),
  ),
  accepted('a line of an unknown key under the name of the log', () =>
    withNote((note) => {
      const line = { keyName: LOG_KEY.vkey.keyName, keyId: 7, signature: new Uint8Array(64) };
      return formatSignedNote(addSignatures(parseSignedNote(note), [line]));
    }),
  ),
  accepted('the same line of the log twice', () =>
    withNote((note) => {
      const { text, signatures } = parseSignedNote(note);
      return formatSignedNote({ text, signatures: [signatures[0]!, ...signatures] });
    }),
  ),
  accepted(
    'lines of witnesses before that of the log',
    () =>
      withNote((note) => {
        const { text, signatures } = parseSignedNote(note);
        return formatSignedNote({ text, signatures: signatures.toReversed() });
      }),
    { witnesses: [{ name: 'w3' }, { name: 'w2' }, { name: 'w1' }] },
  ),
  accepted('a checkpoint with a further line in its text', () => withNote(resigned((text) => `${text}further\n`))),
  refused('checkpoint-malformed', 'a tree size with a leading zero', () =>
    withNote(resigned((text) => text.replace('\n2\n', '\n02\n'))),
  ),
  refused('checkpoint-malformed', 'a root in base64 that is not canonical', () =>
    withNote(resigned((text) => text.replace(/.=\n/, (end) => (end === 'B=\n' ? 'C=\n' : 'B=\n')))),
  ),
  refused('checkpoint-malformed', 'a signature in base64 without its padding', () =>
    withNote(rewritten((note) => note.replace(/=+\n$/, '\n'))),
  ),
  refused('checkpoint-malformed', 'a checkpoint with carriage returns', () =>
    withNote(rewritten((note) => note.replaceAll('\n', '\r\n'))),
  ),
  refused('checkpoint-malformed', 'a checkpoint without its last newline', () =>
    withNote(rewritten((note) => note.trimEnd())),
  ),
  refused('checkpoint-signature', 'a signature of the log with another S', () =>
    withNote((note) => {
      const { text, signatures } = parseSignedNote(note);
      const [own, ...others] = signatures;
      return formatSignedNote({
        text,
        signatures: [{ ...own!, signature: withLargeScalar(own!.signature) }, ...others],
      });
    }),
  ),
  refused('checkpoint-signature', 'a text that was changed after it was signed', () =>
    withNote(rewritten((note) => note.replace('\n2\n', '\n3\n'))),
  ),
  refused('checkpoint-signature', 'a cosignature whose time was changed', () =>
    withNote((note) => {
      const { text, signatures } = parseSignedNote(note);
      const last = signatures.at(-1)!;
      const signature = last.signature.with(7, last.signature[7]! ^ 1);
      return formatSignedNote({ text, signatures: [...signatures.slice(0, -1), { ...last, signature }] });
    }),
  ),
  refused('checkpoint-unsigned', 'cosignatures without a signature of the log', () =>
    withNote((note) => {
      const { text, signatures } = parseSignedNote(note);
      return formatSignedNote({ text, signatures: signatures.slice(1) });
    }),
  ),
  accepted('ML-DSA: a log by that key alone', () =>
    withNote(withoutEd25519, { trust: ML_DSA_LOG, options: { schemes: SCHEMES } }),
  ),
  accepted('ML-DSA: a log by one of two keys', () =>
    withNote(withoutEd25519, { trust: EITHER_KEY, options: { schemes: SCHEMES } }),
  ),
  refused('checkpoint-unsigned', 'ML-DSA: the other key of a log of which that key is wanted', () =>
    withNote((note) => note, { trust: ML_DSA_LOG, options: { schemes: SCHEMES } }),
  ),
  refused('checkpoint-signature', 'ML-DSA: a signature that is not valid', () =>
    withNote(
      async (note) => {
        const { text, signatures } = parseSignedNote(await withoutEd25519(note));
        const [own, ...others] = signatures;
        const signature = own!.signature.with(100, own!.signature[100]! ^ 1);
        return formatSignedNote({ text, signatures: [{ ...own!, signature }, ...others] });
      },
      { trust: EITHER_KEY, options: { schemes: SCHEMES } },
    ),
  ),
  accepted('a quorum of groups', () => cosignedBy([INDEX_CHECKER, OTHER_CHECKER], ...NESTED)),
  accepted('a quorum of a group and a witness', () => cosignedBy([W2, W3], ...NESTED)),
  refused('checkpoint-witnesses', 'two witnesses of one group, which count once', () =>
    cosignedBy([W1, INDEX_CHECKER], ...NESTED),
  ),
  accepted('a quorum of one witness', () => cosignedBy([W2], 'quorum w2')),
  refused('checkpoint-witnesses', 'another witness than the one of the quorum', () => cosignedBy([W1], 'quorum w2')),
  refused('checkpoint-witnesses', 'two of a group that wants all', () =>
    cosignedBy([W1, W2], 'group every all w1 w2 w3', 'quorum every'),
  ),
  refused('checkpoint-witnesses', 'a cosignature by a witness that the trust file lacks', () =>
    cosignedBy([W1, ML_DSA_WITNESS], 'group two 2 w1 w2', 'quorum two'),
  ),
  accepted('an earlier tree', () => proving(() => ({}), [2])),
  accepted('an earlier tree of the same size', () => proving(() => ({}), [2, 6])),
  refused('inclusion-wrong', 'a proof with a hash too few', () => proving(({ proof }) => ({ proof: proof.slice(1) }))),
  refused('inclusion-wrong', 'earlier trees out of order', () =>
    proving(({ earlier }) => ({ earlier: earlier.toReversed() }), [2, 4]),
  ),
  refused('inclusion-wrong', 'an earlier tree that is larger than the tree', () =>
    proving(({ earlier }) => ({ earlier: earlier.map(({ root }) => ({ size: 7, root })) }), [6]),
  ),
  refused('inclusion-wrong', 'an earlier tree of the same size with another root', () =>
    proving(
      ({ earlier }) => ({ earlier: earlier.map(({ size, root }) => ({ size, root: root.with(0, root[0]! ^ 1) })) }),
      [6],
    ),
  ),
  refused('inclusion-wrong', 'the index of another tree', () =>
    proving(({ indexRoot }) => ({ indexRoot: indexRoot.with(0, indexRoot[0]! ^ 1) })),
  ),
  refused('inclusion-wrong', 'a statement at another leaf', () =>
    proving(({ statements }) => ({ statements: statements.map((one) => ({ ...one, index: 4 })), release: 4 })),
  ),
  refused('inclusion-wrong', 'statements out of order', async () => {
    const { world, leaf } = await withDaily();
    await world.say(database(2, 'two'));
    const bundle = await withStatements(world, await world.bundle(leaf), [leaf, leaf + 2]);
    const trust = DAILY;
    return {
      request: daily('one'),
      bundle: changed(bundle, ({ statements }) => ({ statements: statements.toReversed() })),
      trust,
    };
  }),
  accepted('a statement that nobody asked for', async () => {
    const { world, leaf } = await withDaily();
    await world.say(database(2, 'two'));
    return {
      request: daily('one'),
      bundle: await withStatements(world, await world.bundle(leaf), [leaf, leaf + 1, leaf + 2]),
      trust: trustText('release daily signed-by acme any-age'),
    };
  }),
];
