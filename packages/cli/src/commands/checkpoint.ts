import { join } from 'node:path';
import {
  addSignatures,
  CoreError,
  cosign,
  cosignatureTime,
  cosignerOf,
  formatBase64,
  formatKeyId,
  formatSignedNote,
  formatVkey,
  isLineOf,
  KEY_TYPE_ML_DSA_44_COSIGNATURE,
  lastCosigned,
  loadSchemes,
  MAX_NOTE_SIZE,
  type NoteSignature,
  openCheckpoint,
  type PrivateKey,
  parseSignatureLines,
  parseSignedNote,
  parseVkey,
  renewSignatures,
} from '@vitrine/core';
import type { Log, LogCheckpoint, LogReading } from '@vitrine/core/log';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { CliError, isMissing, naming } from '../errors.ts';
import { readInput } from '../files.ts';
import { keyDirectory, keyFileName, readKeyFile } from '../keys.ts';
import { chooseCheckpoint } from '../log-checkpoints.ts';
import { type LogOption, logDirectory, logPlace, openDirectory, openLog, withLogOption } from '../log-option.ts';
import { readPolicy } from '../policy-file.ts';

interface Options extends LogOption {
  readonly cosigned?: boolean;
  readonly cosignatures?: string;
  readonly policy?: string;
  readonly mlDsa?: boolean;
  readonly key?: string;
  readonly json?: boolean;
}

/** `vitrine checkpoint` */
export function registerCheckpoint(program: Command, context: Context): void {
  withLogOption(program.command('checkpoint'))
    .summary('print the newest checkpoint, or add signatures to it')
    .description(
      'Print the newest signed checkpoint of a log, byte for byte, after adding signatures to it where asked.',
    )
    .option('--cosigned', 'print the newest checkpoint that a witness has cosigned')
    .option(
      '--cosignatures <file>',
      'add the signature lines that witnesses returned, for the newest checkpoint only; - is standard input',
    )
    .option('--policy <file>', 'the policy that names the witnesses, for --cosignatures')
    .option('--ml-dsa', "add a signature by the log's own ML-DSA-44 key")
    .option('--key <file>', 'the ML-DSA-44 key, for --ml-dsa (default: where init put it)')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  $ vitrine checkpoint --log ./log\n  $ vitrine checkpoint --log ./log --cosignatures answer --policy policy\n',
    )
    .action((options: Options) => checkpoint(context, options));
}

async function checkpoint(context: Context, options: Options): Promise<void> {
  const { cosignatures, policy } = options;
  if ((cosignatures === undefined) !== (policy === undefined)) {
    throw new CliError('usage', '--cosignatures and --policy go together');
  }
  if (options.cosigned && (cosignatures !== undefined || options.mlDsa)) {
    throw new CliError('usage', 'signatures are added to the newest checkpoint: leave out --cosigned');
  }
  if (options.key !== undefined && !options.mlDsa) throw new CliError('usage', '--key names the key of --ml-dsa');

  if (options.mlDsa || cosignatures !== undefined) {
    await using log = await openDirectory(await logDirectory(context, options));
    if (options.mlDsa) await addOwnSignature(context, log, options);
    if (cosignatures !== undefined) await addCosignatures(context, log, cosignatures, policy!);
    return await print(context, log, options);
  }
  await using log = await openLog(await logPlace(context, options));
  await print(context, log, options);
}

async function print({ output }: Context, log: LogReading, { cosigned, json }: Options): Promise<void> {
  const found = chooseCheckpoint(log, { cosigned });
  if (!json) return await output.bytes(found.note);
  await output.json(checkpointJson(log, found));
}

/** Verifies what witnesses returned, and has the log keep it. */
async function addCosignatures(context: Context, log: Log, path: string, policyPath: string): Promise<void> {
  const { policy, schemes } = await readPolicy(policyPath);
  const answer = await readInput(path, MAX_NOTE_SIZE, context.stdin);
  const shown = path === '-' ? 'standard input' : path;
  const lines = naming(shown, () => parseSignatureLines(answer));
  const witnesses = policy.witnesses.map(({ key }) => key);
  const isKnown = (line: NoteSignature): boolean => witnesses.some((key) => isLineOf(line, key));
  for (const { keyName, keyId } of lines.filter((line) => !isKnown(line))) {
    context.output.note(`ignored the line of ${keyName} ${formatKeyId(keyId)}: the policy has no such witness`);
  }
  const known = lines.filter(isKnown);
  if (known.length === 0) throw new CoreError('note-unsigned', `${shown} has no line of a witness of the policy`);

  const newest = log.checkpoint();
  const note = formatSignedNote(renewSignatures(parseSignedNote(newest.note), known));
  try {
    openCheckpoint(note, { origin: log.origin, keys: [log.key], cosigners: witnesses, schemes });
  } catch (error) {
    if (!(error instanceof CoreError) || error.code !== 'note-signature') throw error;
    const hint = `of the newest checkpoint, ${newest.size} entries; if the log has grown since, ask the witness again`;
    throw new CoreError(error.code, `${shown}: ${error.message} ${hint}`, { cause: error });
  }
  const held = parseSignedNote(newest.note);
  const isOlder = (line: NoteSignature): boolean => (lastCosigned(held, line) ?? 0) > cosignatureTime(line.signature);
  for (const { keyName, keyId } of known.filter(isOlder)) {
    context.output.note(`ignored the line of ${keyName} ${formatKeyId(keyId)}: the checkpoint has a newer one`);
  }
  const newer = known.filter((line) => !isOlder(line));
  if (newer.length > 0) await log.publish(formatSignedNote(renewSignatures(held, newer)));
}

/** Has the log's ML-DSA-44 key sign the newest checkpoint too, unless it has. */
async function addOwnSignature(context: Context, log: Log, options: Options): Promise<void> {
  const key = await ownMlDsaKey(context, log, options);
  const { note } = log.checkpoint();
  const parsed = parseSignedNote(note);
  if (parsed.signatures.some((line) => isLineOf(line, key.vkey))) return;
  const schemes = await loadSchemes([key.vkey.type]);
  const line = await cosign({ text: parsed.text, cosigner: cosignerOf(key, { schemes }), time: context.now() });
  const signed = formatSignedNote(addSignatures(parsed, [line]));
  openCheckpoint(signed, { origin: log.origin, keys: [log.key, key.vkey], schemes });
  await log.publish(signed);
}

async function ownMlDsaKey(context: Context, log: Log, { key: keyFile, json }: Options): Promise<PrivateKey> {
  const path = keyFile ?? join(await keyDirectory(context), keyFileName(log.origin, 'ml-dsa-44'));
  const key = await readKeyFile(context, path, { json }).catch((error: unknown) => {
    if (keyFile !== undefined || !isMissing(error)) throw error;
    throw new CliError('key-missing', `the ML-DSA-44 key of ${log.origin} is not in ${path}: name its file with --key`);
  });
  if (key.vkey.type !== KEY_TYPE_ML_DSA_44_COSIGNATURE || !log.description.vkeys.includes(formatVkey(key.vkey))) {
    throw new CoreError('log-key', `${path} is not an ML-DSA-44 key of the log ${log.origin}`);
  }
  return key;
}

function checkpointJson(log: LogReading, { size, root, note }: LogCheckpoint): unknown {
  const own = log.description.vkeys.map(parseVkey);
  const signatures = parseSignedNote(note).signatures.map((line) => ({
    keyName: line.keyName,
    keyId: formatKeyId(line.keyId),
    log: own.some((key) => isLineOf(line, key)),
  }));
  return {
    origin: log.origin,
    size,
    root: formatBase64(root),
    signatures,
    checkpoint: new TextDecoder().decode(note),
  };
}
