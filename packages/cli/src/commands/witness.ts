import { join } from 'node:path';
import {
  CoreError,
  cosign,
  cosignerOf,
  EMPTY_ROOT,
  formatSignatureLines,
  loadSchemes,
  MAX_ADD_CHECKPOINT_SIZE,
  MAX_NOTE_SIZE,
  type OpenedCheckpoint,
  openCheckpoint,
  parseAddCheckpoint,
  parseCheckpoint,
  parseSignedNote,
  verifyConsistency,
} from '@vitrine/core';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { CliError, naming } from '../errors.ts';
import { lockFile } from '../file-lock.ts';
import { readIfThere, readInput, writeNewFile } from '../files.ts';
import { readKeyFile } from '../keys.ts';
import { type LoadedPolicy, readPolicy } from '../policy-file.ts';
import { formatTime } from '../time.ts';
import { registerWitnessGather } from './witness-gather.ts';
import { registerWitnessStatus } from './witness-status.ts';

interface Options {
  readonly key: string;
  readonly policy: string;
  readonly state: string;
}

/** `vitrine witness` */
export function registerWitness(program: Command, context: Context): void {
  const witness = program
    .command('witness')
    .summary('cosign the checkpoints of a log')
    .description(
      'A witness vouches that a log showed it one tree, which only ever grew. It remembers the newest of each log, and cosigns no ' +
        'other.',
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ vitrine witness cosign request --key witness.key --policy policy --state seen > cosignature\n',
    );
  registerWitnessGather(witness, context);
  registerWitnessStatus(witness, context);
  witness
    .command('cosign')
    .summary('cosign a checkpoint, if the log only grew')
    .description(
      'Check a request of C2SP tlog-witness (add-checkpoint), as vitrine prove consistency writes it: the log signed the ' +
        'checkpoint, and its tree grew from the one that this witness cosigned last. Then remember it, and print the cosignature.',
    )
    .argument('[request]', 'the request (default: standard input)')
    .requiredOption('--key <file>', 'the key of the witness, of the type ed25519-cosignature or ml-dsa-44')
    .requiredOption('--policy <file>', 'the policy that names the logs; what it says of witnesses is not looked at')
    .requiredOption('--state <directory>', 'where the newest checkpoint of each log is kept; it has to be there')
    .addHelpText(
      'after',
      '\nExample:\n  $ mkdir seen\n' +
        '  $ vitrine prove consistency 0 --log ./log |\n' +
        '      vitrine witness cosign --key witness.key --policy policy --state seen > cosignature\n' +
        '  $ vitrine checkpoint --log ./log --policy witnessed --cosignatures cosignature\n',
    )
    .action((request: string | undefined, options: Options) => witnessCosign(context, request ?? '-', options));
}

async function witnessCosign(context: Context, request: string, options: Options): Promise<void> {
  const { output, stdin } = context;
  const loaded = await readPolicy(options.policy);
  const key = await readKeyFile(context, options.key);
  const cosigner = cosignerOf(key, { schemes: await loadSchemes([key.vkey.type]) });
  const body = await readInput(request, MAX_ADD_CHECKPOINT_SIZE, stdin);
  const what = request === '-' ? 'standard input' : request;
  const { oldSize, proof, checkpoint: note } = naming(what, () => parseAddCheckpoint(body));
  const { checkpoint } = naming(what, () => openKnown(note, loaded));
  const { origin, size, root } = checkpoint;

  // An origin has no plus sign.
  const named = join(options.state, `${origin.replaceAll('/', '+')}.checkpoint`);
  // Two at once could cosign two trees.
  const { path, release } = await lockFile(named);
  try {
    const seen = await readSeen(path, origin, loaded);
    if (oldSize !== seen.size) {
      const has = seen.size === 0 ? 'none' : `size ${seen.size}`;
      throw new CliError(
        'witness-conflict',
        `the request begins at size ${oldSize}, and this witness has cosigned ${has} of ${origin}: make one with ` +
          `vitrine prove consistency ${seen.size}`,
      );
    }
    verifyConsistency({ oldSize, newSize: size, oldRoot: seen.root, newRoot: root, proof });
    // Before anything is signed: whoever is killed in between has cosigned less than it remembers, and never more.
    await writeNewFile(path, note, { replace: true });
    // Its time says that no larger tree was seen by then.
    const time = context.now();
    const line = await cosign({ text: parseSignedNote(note).text, cosigner, time });
    await output.bytes(formatSignatureLines([line]));
    const before = seen.size === 0 ? 'the first tree of it that this witness has seen' : `grown from ${seen.size}`;
    output.note(`cosigned ${origin}, tree size ${size}, ${before}, as ${key.vkey.keyName}, ${formatTime(time)}`);
  } finally {
    await release();
  }
}

/** A checkpoint that is signed by a key of a log in the policy. */
function openKnown(note: Uint8Array, { policy, schemes }: LoadedPolicy): OpenedCheckpoint {
  const { origin } = parseCheckpoint(parseSignedNote(note).text);
  const keys = policy.logs.map(({ key }) => key).filter(({ keyName }) => keyName === origin);
  if (keys.length === 0) throw new CoreError('policy-log', `the policy lists no key of the log ${origin}`);
  return openCheckpoint(note, { origin, keys, schemes });
}

/** What was cosigned last of a log, at first the empty tree. It is verified again: a witness that forgot could cosign another tree. */
async function readSeen(
  path: string,
  origin: string,
  loaded: LoadedPolicy,
): Promise<{ size: number; root: Uint8Array }> {
  const note = await readIfThere(path, MAX_NOTE_SIZE);
  if (note === undefined) return { size: 0, root: EMPTY_ROOT };
  const { checkpoint } = naming(path, () => openKnown(note, loaded));
  if (checkpoint.origin !== origin) {
    throw new CoreError('checkpoint-origin', `${path} has a checkpoint of ${checkpoint.origin}, and not of ${origin}`);
  }
  return checkpoint;
}
