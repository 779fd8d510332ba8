import { displayOctets, NO_QUORUM, verifyCheckpoint } from '@vitrine/core';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { gatherOnce } from '../gather-once.ts';
import { type LogOption, logDirectory, openDirectory, withLogDirectoryOption } from '../log-option.ts';
import { readPolicy } from '../policy-file.ts';
import { count, printable } from '../text.ts';

interface Options extends LogOption {
  readonly policy: string;
  readonly json?: boolean;
}

/** `vitrine witness gather` */
export function registerWitnessGather(witness: Command, context: Context): void {
  withLogDirectoryOption(witness.command('gather'))
    .summary('have the witnesses of a policy cosign the newest checkpoint')
    .description(
      'Send the newest checkpoint of a log to the witnesses of a policy, with the proof that it grew from what each of them knows, and keep ' +
        'their cosignatures, also where they are not enough yet. For a log that nobody serves: vitrine serve --policy does this by itself.',
    )
    .requiredOption('--policy <file>', 'the policy that names the witnesses, with their URLs')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ vitrine witness gather --policy policy --log ./log\n')
    .action((options: Options) => witnessGather(context, options));
}

async function witnessGather(context: Context, options: Options): Promise<void> {
  const { output } = context;
  const loaded = await readPolicy(options.policy);
  await using log = await openDirectory(await logDirectory(context, options));
  const { isMet, witnesses } = await gatherOnce(context, log, loaded);
  const { size, note } = log.checkpoint();
  const { cosignatures } = verifyCheckpoint(note, { ...loaded.policy, quorum: NO_QUORUM }, loaded);
  const given = new Set(cosignatures.map(({ witness }) => witness));
  if (options.json) {
    const list = witnesses.map(({ name, keyName, cosigned, failure }) => ({
      witness: displayOctets(name),
      keyName,
      ...(cosigned && { size: cosigned.size, time: cosigned.time }),
      ...(failure && { failure: failure.message }),
    }));
    await output.json({ origin: log.origin, size, satisfied: isMet, witnesses: list });
  } else {
    await output.text(
      `${count(size, 'entry', 'entries')} of ${printable(log.origin)}: ${given.size} of ${witnesses.length} witnesses have cosigned\n`,
    );
    for (const { name, failure } of witnesses) {
      if (failure !== undefined) output.note(`${displayOctets(name)}: ${printable(failure.message)}`);
    }
  }
  if (!isMet)
    throw new CliError(
      'witness-pending',
      'too few witnesses have cosigned for the policy: what came is kept with the newest checkpoint, run this again later',
    );
}
