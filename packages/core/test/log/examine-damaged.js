// Examines logs whose files were damaged, in a process of its own: LevelDB stops the process where a table breaks its
// assumptions. Plain JavaScript on the built package, because Node 20 runs no TypeScript.
import { readFileSync } from 'node:fs';
import { ReferenceTree } from '../../../testkit/dist/reference-tree.js';
import { CoreError, ed25519Signer, openCheckpoint, parsePrivateKey, parseVkey } from '../../dist/index.js';
import { fsck, LevelStore, Log } from '../../dist/log/index.js';

const { origin, vkey, privateKey, hex } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const signer = ed25519Signer(parsePrivateKey(privateKey));
const entries = hex.map((text) => new Uint8Array(Buffer.from(text, 'hex')));
const tree = new ReferenceTree(entries);
const grown = [...entries, Uint8Array.of(0xff, 0xff, 0xff)];
const grownTree = new ReferenceTree(grown);
const SIZE = entries.length;
const isWhole = ({ size }) => size === SIZE;

const same = (a, b) => Buffer.compare(a, b) === 0;

/** That a checkpoint is signed, and is of these entries: no other root can have been signed for its size before. */
function isGenuine(note) {
  const { size, root } = openCheckpoint(note, { origin, keys: [parseVkey(vkey)] }).checkpoint;
  return size <= grown.length && same(root, grownTree.root(size));
}

/** The codes of the errors that told of the damage, and what was wrong without an error. */
async function examine(directory, append) {
  const codes = new Set();
  const wrong = [];
  // A read gives what is right, or an error of the package.
  const read = async (what, act, isRight) => {
    try {
      const result = await act();
      if (!isRight(result)) wrong.push(what);
      return result;
    } catch (error) {
      if (error instanceof CoreError) codes.add(error.code);
      else wrong.push(`${what}: ${error.stack}`);
      return undefined;
    }
  };
  const verdict = () => ({ codes: [...codes], wrong });

  const store = await read(
    'the store',
    () => LevelStore.open(directory),
    () => true,
  );
  if (store === undefined) return verdict();
  try {
    const log = await read(
      'the head',
      () => Log.open(store, { signer }),
      ({ size }) => size === SIZE,
    );
    if (log === undefined) return verdict();
    const checkpoint = async () => log.checkpoint();
    await read('the checkpoint', checkpoint, ({ size, note }) => size === SIZE && isGenuine(note));
    const cosigned = log.cosignedCheckpoint();
    if (cosigned !== undefined && !isGenuine(cosigned.note)) wrong.push('the cosigned checkpoint');
    // How many leaves were not found where they are.
    const readAll = async () => {
      let lost = 0;
      const all = async () => {
        let index = 0;
        for await (const entry of log.entries()) if (!same(entry, entries[index++])) return false;
        return index === SIZE;
      };
      await read('the range of all entries', all, (isRight) => isRight);
      for (let i = 0; i < SIZE; i++) {
        await read(
          `leaf hash ${i}`,
          () => log.leafHash(i),
          (hash) => same(hash, tree.leafHash(i)),
        );
        await read(
          `the index of leaf ${i}`,
          () => log.indexOf(tree.leafHash(i)),
          (index) => {
            // One that is lost is found by fsck alone; a wrong one is never given.
            if (index === undefined) lost++;
            return index === undefined || index === i;
          },
        );
        if (i % 9 > 0) continue;
        await read(
          `entry ${i}`,
          () => log.entry(i),
          (entry) => same(entry, entries[i]),
        );
        const isProof = ({ proof }) => same(Buffer.concat(proof), Buffer.concat(tree.path(i, 0, SIZE)));
        await read(`the proof of entry ${i}`, () => log.proveInclusion(i), isProof);
      }
      for (let level = 0, span = 1; span <= SIZE; level++, span *= 256) {
        for (let index = 0; index * 256 * span < SIZE; index++) {
          const width = Math.min(256, Math.floor(SIZE / span) - index * 256);
          const starts = Array.from({ length: width }, (_, slot) => (index * 256 + slot) * span);
          const hashes = Buffer.concat(starts.map((start) => tree.hash(start, start + span)));
          await read(
            `tile ${level}/${index}`,
            () => log.tile(level, index, width),
            (tile) => same(tile, hashes),
          );
        }
      }
      return lost;
    };
    await readAll();
    // LevelDB may have rewritten a table meanwhile, and what could not be read can be read again.
    const checked = await read('fsck', () => fsck(store), isWhole);
    if (checked !== undefined) {
      const before = [...codes];
      codes.clear();
      const lost = await readAll();
      if (lost > 0) wrong.push(`fsck was clean, and ${lost} leaves cannot be found`);
      if (codes.size > 0) wrong.push(`fsck was clean, and then reading failed with ${[...codes]}`);
      for (const code of before) codes.add(code);
    }

    // Whatever it signs next is signed over all that was signed before.
    if (append) {
      const isRight = ({ index, checkpoint }) => index === SIZE && isGenuine(checkpoint);
      await read('the checkpoint after another entry', () => log.append(grown[SIZE]), isRight);
    }
    await log[Symbol.asyncDispose]();
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
    codes.add(error.code);
  } finally {
    await store[Symbol.asyncDispose]();
  }
  return verdict();
}

/** What `vitrine fsck` finds. */
async function check(directory) {
  try {
    const store = await LevelStore.open(directory, { checkTables: true });
    try {
      return { codes: [], wrong: isWhole(await fsck(store)) ? [] : ['fsck'] };
    } finally {
      await store[Symbol.asyncDispose]();
    }
  } catch (error) {
    if (!(error instanceof CoreError)) return { codes: [], wrong: [`fsck: ${error.stack}`] };
    return { codes: [error.code], wrong: [] };
  }
}

process.on('message', async ({ directory, task }) => {
  process.send(task === 'fsck' ? await check(directory) : await examine(directory, task === 'append'));
});
