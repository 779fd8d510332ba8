import { formatSignatureLines, MAX_ADD_CHECKPOINT_SIZE } from '@vitrine/core';
import type { Finding } from '@vitrine/witness';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { readInput } from '../files.ts';
import { printable } from '../text.ts';
import { formatTime } from '../time.ts';
import { openWitness, type WitnessCommandOptions, withWitnessOptions } from '../witness-place.ts';

/** `vitrine witness cosign` */
export function registerWitnessCosign(witness: Command, context: Context): void {
  withWitnessOptions(witness.command('cosign'))
    .summary('cosign a checkpoint, if the log only grew')
    .description(
      'Check a request of C2SP tlog-witness (add-checkpoint), as vitrine prove consistency writes it: the log signed the ' +
        'checkpoint, and its tree grew from the one that this witness cosigned last. Then remember it, and print the cosignatures. ' +
        'The state is that of vitrine witness serve, and one process has it at a time.',
    )
    .argument('[request]', 'the request (default: standard input)')
    .addHelpText(
      'after',
      '\nExample:\n  $ mkdir seen\n' +
        '  $ vitrine prove consistency 0 --log ./log |\n' +
        '      vitrine witness cosign --key witness.key --policy policy --state seen > cosignature\n' +
        '  $ vitrine checkpoint --log ./log --policy witnessed --cosignatures cosignature\n',
    )
    .action((request: string | undefined, options: WitnessCommandOptions) => cosign(context, request ?? '-', options));
}

async function cosign(context: Context, request: string, options: WitnessCommandOptions): Promise<void> {
  const { output, stdin } = context;
  const body = await readInput(request, MAX_ADD_CHECKPOINT_SIZE, stdin);
  const onFinding = ({ kind, reason }: Finding): void =>
    output.note(`evidence (${kind}) is kept in ${options.state}: ${printable(reason)}`);
  const { WitnessError } = await import('@vitrine/witness');
  const { witness } = await openWitness(context, options, { onFinding });
  await using _ = witness;
  try {
    const { added, cosignatures, time } = await witness.addCheckpoint(body);
    const { checkpoint, oldSize } = added;
    await output.bytes(formatSignatureLines(cosignatures));
    const before = oldSize === 0 ? 'the first tree of it that this witness has seen' : `grown from ${oldSize}`;
    const names = cosignatures.map(({ keyName }) => keyName).join(', ');
    output.note(
      `cosigned ${printable(checkpoint.origin)}, tree size ${checkpoint.size}, ${before}, as ${names}, ${formatTime(time)}`,
    );
  } catch (error) {
    if (!(error instanceof WitnessError)) throw error;
    const { code, message, size } = error;
    const hint = code === 'witness-conflict' ? `; make a request with vitrine prove consistency ${size}` : '';
    const what = request === '-' ? 'standard input' : request;
    const named = code === 'witness-request' ? `${what}: ${message}` : `${message}${hint}`;
    throw new WitnessError(code, named, { cause: error });
  }
}
