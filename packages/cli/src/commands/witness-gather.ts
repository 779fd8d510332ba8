import { formatBase64, verifyCheckpoint } from '@vitrine/core';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { gatherOnce } from '../gathering.ts';
import { type LogOption, logDirectory, openDirectory, withLogDirectoryOption } from '../log-option.ts';
import { readPolicy } from '../policy-file.ts';
import { witnessJson, witnessTable } from '../witness-table.ts';

interface Options extends LogOption {
  readonly policy: string;
  readonly json?: boolean;
}

/** `vitrine witness gather` */
export function registerWitnessGather(witness: Command, context: Context): void {
  withLogDirectoryOption(witness.command('gather'))
    .summary('have the newest checkpoint cosigned, once')
    .description(
      'Ask all witnesses of a policy that have a URL to cosign the newest checkpoint of a log, and have the log keep it with their ' +
        'cosignatures if that satisfies the policy. This is for logs that nobody serves: a server of one does it all the time.',
    )
    .requiredOption('--policy <file>', 'the policy with the witnesses; their URLs are submission prefixes')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ vitrine witness gather --log ./log --policy policy\n')
    .action((options: Options) => gather(context, options));
}

async function gather(context: Context, options: Options): Promise<void> {
  const { output } = context;
  const { json } = options;
  const loaded = await readPolicy(options.policy);
  await using log = await openDirectory(await logDirectory(context, options));
  const { published, witnesses } = await gatherOnce(context, log, loaded, { until: 'all', json });
  const { size, root } = log.checkpoint();
  if (json) {
    const shown = witnesses.map((one) => witnessJson(one, size));
    await output.json({
      origin: log.origin,
      size,
      root: formatBase64(root),
      published: published !== undefined,
      witnesses: shown,
    });
  } else {
    await output.text(witnessTable(witnesses, { size, now: context.now() }));
  }
  // Says who is missing.
  if (published === undefined) verifyCheckpoint(log.checkpoint().note, loaded.policy, loaded);
  else if (!json) output.note(`published: tree size ${published.size}, with the cosignatures that the policy asks for`);
}
