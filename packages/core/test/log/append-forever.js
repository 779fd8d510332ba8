// Appends to a log until it is killed, and writes a line to stdout for each entry that was acknowledged: its index, its
// number and its leaf hash. Plain JavaScript on the built package, because Node 20 runs no TypeScript.
//
//   node append-forever.js <directory> <private key> <first number> <append|appendAll> <raw|indexed>
import { writeSync } from 'node:fs';
import { ed25519Signer, formatVkey, parsePrivateKey } from '../../dist/index.js';
import { LevelStore, Log } from '../../dist/log/index.js';

const [directory, privateKey, first, how, kind] = process.argv.slice(2);
const key = parsePrivateKey(privateKey);
const signer = ed25519Signer(key);
const text = new TextEncoder();
const entryOf = (number) => text.encode(`entry ${number}`);
let number = Number(first);

/** Writes at once and in one piece: what the parent reads was acknowledged, whenever the kill comes. */
function acknowledge(lines) {
  for (let rest = Buffer.from(lines); rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

const line = (number, { index, leafHash }) => `${index} ${number} ${Buffer.from(leafHash).toString('hex')}\n`;

// As the test has it.
const mapping = (entry) => {
  const number = Number(new TextDecoder().decode(entry).slice(6));
  return { kind: 'stream', stream: { type: 'build', issuer: 'acme.example', stream: `p${number % 50}` } };
};
const options = { signer, ...(kind === 'indexed' && { mapping, admission: { admit: async () => [] } }) };
const description = {
  origin: key.vkey.keyName,
  vkeys: [formatVkey(key.vkey)],
  kind: kind === 'indexed' ? 'statements' : 'raw',
  duplicates: false,
  ...options,
};
const log = await LevelStore.open(directory).then(
  (store) => Log.open(store, options),
  (error) => {
    if (error.code !== 'store-missing') throw error;
    return Log.create((bytes) => LevelStore.create(directory, bytes), description);
  },
);
acknowledge('ready\n');

async function caller() {
  for (;;) {
    const own = number++;
    acknowledge(line(own, await log.append(entryOf(own))));
  }
}

async function* numbers(count, given) {
  for (let i = 0; i < count; i++) {
    given.push(number);
    yield entryOf(number++);
  }
}

if (how === 'append') {
  await Promise.all(Array.from({ length: 50 }, caller));
}
// Inputs of a few entries and of several commits.
for (let count = 1; ; count = (count * 3) % 1_009) {
  const given = [];
  for await (const batch of log.appendAll(numbers(count, given))) {
    const own = given.splice(0, batch.length);
    acknowledge([...batch].map((appended, i) => line(own[i], appended)).join(''));
  }
}
