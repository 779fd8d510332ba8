import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { type LogOption, logPlace, openLog, withLogOption } from '../log-option.ts';
import { readPolicy } from '../policy-file.ts';
import { witnessJson, witnessTable } from '../witness-table.ts';

interface Options extends LogOption {
  readonly policy: string;
  readonly json?: boolean;
}

/** Milliseconds for one answer of a witness. */
const TIMEOUT = 10_000;

/** `vitrine witness status` */
export function registerWitnessStatus(witness: Command, context: Context): void {
  withLogOption(witness.command('status'))
    .summary('print which witnesses are behind')
    .description(
      'Ask each witness of a policy that has a URL what it has cosigned of a log: by the checkpoint that it shows below that URL, or ' +
        'by the size that it names when it is asked to cosign from size 0. One that has seen nothing of the log yet cosigns it then.',
    )
    .requiredOption('--policy <file>', 'the policy with the witnesses; their URLs are submission prefixes')
    .option('--json', 'print one JSON object for each witness')
    .addHelpText('after', '\nExample:\n  $ vitrine witness status --log https://log.example.com --policy policy\n')
    .action((options: Options) => status(context, options));
}

async function status(context: Context, options: Options): Promise<void> {
  const { output, signal, now } = context;
  const { policy, schemes } = await readPolicy(options.policy);
  await using log = await openLog(await logPlace(context, options));
  const { lookAtWitnesses } = await import('@vitrine/witness');
  const { httpFetch } = await import('../http-fetch.ts');
  const fetch = await httpFetch(context);
  const found = await lookAtWitnesses({ log, policy, schemes, fetch, now, timeout: TIMEOUT, signal });
  const { size } = log.checkpoint();
  if (!options.json) return output.text(witnessTable(found, { size, now: now() }));
  for (const one of found) await output.json(witnessJson(one, size));
}
