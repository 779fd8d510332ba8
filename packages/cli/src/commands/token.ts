import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { fileError } from '../errors.ts';
import { lockFile } from '../file-lock.ts';

interface Options {
  readonly tokens: string;
  readonly json?: boolean;
}

/** `vitrine token add`, `list` and `remove` */
export function registerToken(program: Command, context: Context): void {
  const token = program
    .command('token')
    .helpCommand(false)
    .summary('who may append to a served log for arbitrary entries')
    .description(
      'Make, list and remove the tokens with which entries are appended to a log that vitrine serve serves with --tokens. The ' +
        'file has their names and SHA-256 hashes only; the server reads it again within a second when it changes.',
    )
    .addHelpText('after', '\nExample:\n  $ vitrine token add ci --tokens ./tokens > ci.token\n');

  withTokens(token.command('add'))
    .summary('make a token')
    .description('Make a token, and print it, once: the file keeps its hash only. The file is made if it is not there.')
    .argument('<name>', 'what to call it')
    .addHelpText('after', '\nExample:\n  $ vitrine token add ci --tokens ./tokens > ci.token\n')
    .action((name: string, { tokens, json }: Options) =>
      changing(tokens, async (path) => {
        const { addToken } = await import('@vitrine/server');
        const made = await addToken(path, name);
        if (json) await context.output.json({ name, token: made });
        else await context.output.text(`${made}\n`);
      }),
    );

  withTokens(token.command('list'))
    .summary('list the names of tokens')
    .description('Print the name of each token, a line for each.')
    .addHelpText('after', '\nExample:\n  $ vitrine token list --tokens ./tokens\n')
    .action(({ tokens, json }: Options) =>
      reading(tokens, async () => {
        const { listTokens } = await import('@vitrine/server');
        const names = await listTokens(tokens);
        if (json) await context.output.json({ names });
        else for (const name of names) await context.output.text(`${name}\n`);
      }),
    );

  withTokens(token.command('remove'))
    .summary('remove a token')
    .description('Remove a token: the server refuses it within a second.')
    .argument('<name>', 'its name')
    .addHelpText('after', '\nExample:\n  $ vitrine token remove ci --tokens ./tokens\n')
    .action((name: string, { tokens, json }: Options) =>
      changing(tokens, async (path) => {
        const { removeToken } = await import('@vitrine/server');
        await removeToken(path, name);
        if (json) await context.output.json({ name });
        else context.output.note(`removed the token ${name}`);
      }),
    );
}

function withTokens(command: Command): Command {
  return command.requiredOption('--tokens <file>', 'the file of tokens').option('--json', 'print one JSON object');
}

async function reading(path: string, act: () => Promise<void>): Promise<void> {
  await act().catch((error: unknown) => {
    throw fileError(path, error);
  });
}

/** One process at a time, or what one of them removes would come back with what another one writes. */
async function changing(path: string, act: (path: string) => Promise<void>): Promise<void> {
  const file = await lockFile(path);
  await reading(path, () => act(file.path)).finally(() => file.release());
}
