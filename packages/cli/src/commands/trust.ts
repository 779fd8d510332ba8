import { trustPolicy, trustWarnings } from '@vitrine/verifier';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { aligned } from '../text.ts';
import { readTrust } from '../trust-file.ts';
import { trustJson, trustRows, trustSentences } from '../trust-view.ts';

interface Options {
  readonly json?: boolean;
}

/** `vitrine trust` */
export function registerTrust(program: Command, context: Context): void {
  const trust = program
    .command('trust')
    .summary('explain a trust file')
    .description(
      'A trust file says which releases an agent accepts: what the logs, witnesses and reviewers of each are.',
    )
    .addHelpText('after', '\nExample:\n  $ vitrine trust check acme.trust\n');
  trust
    .command('check')
    .summary('say in words what a trust file accepts, and warn')
    .description(
      'Say in words what a trust file accepts, and warn of what its owner may not have meant: a quorum that one lying witness ' +
        'breaks, a line that is never reached, releases that nobody reviews. A file that cannot be used is refused, and the line named.',
    )
    .argument('<file>', 'the trust file')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ vitrine trust check acme.trust\n')
    .action((file: string, options: Options) => check(context, file, options));
  trust
    .command('show')
    .summary('print what a trust file says')
    .description('Print what a trust file says, and its SHA-256, which agents report with each decision.')
    .argument('<file>', 'the trust file')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ vitrine trust show acme.trust --json\n')
    .action((file: string, options: Options) => show(context, file, options));
  trust
    .command('policy')
    .summary('print the C2SP policy in a trust file')
    .description(
      'Print the lines of a trust file that C2SP tlog-policy defines, for programs that know no others: which logs and ' +
        'witnesses are accepted, and nothing of releases.',
    )
    .argument('<file>', 'the trust file')
    .addHelpText('after', '\nExample:\n  $ vitrine trust policy acme.trust > policy\n')
    .action(async (file: string) => {
      const { bytes } = await readTrust(file);
      await context.output.bytes(trustPolicy(bytes));
    });
}

async function check({ output, now }: Context, file: string, options: Options): Promise<void> {
  const { trust } = await readTrust(file);
  const accepts = trustSentences(trust);
  const warnings = trustWarnings(trust, now());
  if (options.json) return output.json({ ...trustJson(trust), accepts, warnings });
  await output.text(accepts.map((sentence) => `${sentence}\n`).join(''));
  for (const { code, message } of warnings) output.note(`warning: ${code}: ${message}`);
}

async function show({ output }: Context, file: string, options: Options): Promise<void> {
  const { trust } = await readTrust(file);
  if (options.json) return output.json(trustJson(trust));
  await output.text(aligned(trustRows(trust)));
}
