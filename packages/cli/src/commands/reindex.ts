import { formatBase64 } from '@vitrine/core';
import { statementMapping } from '@vitrine/signer';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { interrupted } from '../errors.ts';
import { type LogOption, logDirectory, openStore, withLogDirectoryOption } from '../log-option.ts';
import { startProgress } from '../progress.ts';
import { count } from '../text.ts';

interface Options extends LogOption {
  readonly json?: boolean;
}

/** `vitrine reindex` */
export function registerReindex(program: Command, context: Context): void {
  withLogDirectoryOption(program.command('reindex'))
    .summary("derive a log's index from its entries again")
    .description(
      'Derive the index of a log from its entries again, and replace what is stored of it: after damage to it, which fsck or ' +
        'opening the log has found. The entries are not changed. If one of the index entries among them says something else, ' +
        'that is reported, and the stored index stays as it is.',
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ vitrine reindex --log ./log\n')
    .action((options: Options) => derive(context, options));
}

async function derive(context: Context, options: Options): Promise<void> {
  const { output, signal } = context;
  await using store = await openStore(await logDirectory(context, options), { checkTables: true, signal });
  const { reindex } = await import('@vitrine/core/log');
  const progress = startProgress(context, { label: 'indexing', unit: 'entries', json: options.json });
  let result: Awaited<ReturnType<typeof reindex>>;
  try {
    result = await reindex(store, statementMapping, {
      onProgress: (done, total) => {
        if (signal.aborted) throw interrupted();
        progress.update(done, total);
      },
    });
  } finally {
    progress.stop();
  }
  const root = formatBase64(result.root);
  if (options.json) return output.json({ size: result.size, root });
  await output.text(`indexed: ${count(result.size, 'entry', 'entries')}, root hash ${root}\n`);
}
