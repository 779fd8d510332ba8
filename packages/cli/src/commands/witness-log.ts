import { formatKeyId, formatVkey } from '@vitrine/core';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { keyTypeName } from '../keys.ts';
import { readVkey } from '../signer-option.ts';
import { keyLabel } from '../statement-view.ts';
import { printable } from '../text.ts';

interface Options {
  readonly state: string;
  readonly json?: boolean;
}

/** `vitrine witness log add`, `list` and `remove` */
export function registerWitnessLog(witness: Command, context: Context): void {
  const log = witness
    .command('log')
    .helpCommand(false)
    .summary('say which logs the witness knows')
    .description(
      'Say which logs a witness knows, besides those of the policies that it is started with. Their keys stand in its state, a file for ' +
        'each; a server of it reads them again within a second or so.',
    )
    .addHelpText('after', '\nExample:\n  $ vitrine witness log add log.vkey --state ./seen\n');

  withState(log.command('add'))
    .summary('cosign a log')
    .description('Cosign the checkpoints of a log from now on, where they are signed with this key.')
    .argument('<vkey>', 'the public key of the log, or a file with it: its name is the origin')
    .addHelpText('after', '\nExample:\n  $ vitrine witness log add log.vkey --state ./seen\n')
    .action(async (text: string, { state, json }: Options) => {
      const key = await readVkey(text);
      const { AddedLogs } = await import('@vitrine/witness');
      const isNew = await new AddedLogs(state).add(key);
      if (json) await context.output.json({ vkey: formatVkey(key), changed: isNew });
      else context.output.note(`${isNew ? 'added' : 'there already:'} ${keyLabel(key)}`);
    });

  withState(log.command('list'))
    .summary('list the logs that were added')
    .description('List the keys of the logs that were added: the ID and the type of each, and its vkey.')
    .addHelpText('after', '\nExample:\n  $ vitrine witness log list --state ./seen\n')
    .action(async ({ state, json }: Options) => {
      const { AddedLogs } = await import('@vitrine/witness');
      for (const key of await new AddedLogs(state).list()) {
        const { keyName, keyId, type } = key;
        const shown = { origin: keyName, keyId: formatKeyId(keyId), type: keyTypeName(type), vkey: formatVkey(key) };
        if (json) await context.output.json(shown);
        else
          await context.output.text(
            `${shown.keyId}  ${shown.type.padEnd('ml-dsa-44'.length)}  ${printable(shown.vkey)}\n`,
          );
      }
    });

  withState(log.command('remove'))
    .summary('cosign a log no more')
    .description(
      'Cosign no more checkpoints that are signed with this key. What the witness saw of the log it does not forget: when the log is ' +
        'added again, it has to go on from there.',
    )
    .argument('<vkey>', 'the public key of the log, or a file with it')
    .addHelpText('after', '\nExample:\n  $ vitrine witness log remove log.vkey --state ./seen\n')
    .action(async (text: string, { state, json }: Options) => {
      const key = await readVkey(text);
      const { AddedLogs } = await import('@vitrine/witness');
      const wasThere = await new AddedLogs(state).remove(key);
      if (json) await context.output.json({ vkey: formatVkey(key), changed: wasThere });
      else context.output.note(`${wasThere ? 'removed' : 'not there:'} ${keyLabel(key)}`);
    });
}

function withState(command: Command): Command {
  return command
    .requiredOption('--state <directory>', 'the state of the witness')
    .option('--json', 'print one JSON object for each');
}
