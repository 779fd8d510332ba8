import { MAX_BUNDLE_SIZE } from '@vitrine/verifier';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { readInput } from '../files.ts';
import { claimsOf } from '../inspection.ts';
import { aligned, printable } from '../text.ts';

interface Options {
  readonly json?: boolean;
}

/** `vitrine inspect` */
export function registerInspect(program: Command, context: Context): void {
  program
    .command('inspect')
    .summary('say what a file is, and what it claims')
    .description(
      'Say what a file is (a bundle, a proof, a checkpoint, a statement, a key, a trust file or policy, the state of an agent, evidence ' +
        'of a witness) and what it claims. Nothing is verified: anybody can make a file that claims this.',
    )
    .argument('<file>', 'the file; - is standard input')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ vitrine inspect tool-1.2.tgz.vitrine\n')
    .action((file: string, options: Options) => inspect(context, file, options));
}

async function inspect({ output, stdin }: Context, file: string, options: Options): Promise<void> {
  const bytes = await readInput(file, MAX_BUNDLE_SIZE, stdin);
  const found = claimsOf(bytes);
  if (found === undefined) throw new CliError('usage', `${file} is nothing that this program knows`);
  const { kind, claims } = found;
  if (options.json) {
    return output.json({ file, kind, verified: false, claims: claims.map(([name, value]) => ({ name, value })) });
  }
  await output.text(
    aligned([
      ['file', printable(file)],
      ['kind', kind],
      ['verified', 'NOTHING: anybody can make a file that claims this'],
      ...claims,
    ]),
  );
}
