import { formatKeyId, KEY_TYPE_ML_DSA_44_COSIGNATURE } from '@vitrine/core';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { positiveArgument } from '../numbers.ts';
import { type ListenCommandOptions, serve, withListenOptions } from '../serving.ts';
import { openWitness, type WitnessCommandOptions, withWitnessOptions } from '../witness-place.ts';

interface Options extends WitnessCommandOptions, ListenCommandOptions {
  readonly growth: number;
  readonly subtrees?: boolean;
  readonly json?: boolean;
}

/** Steps that a log may take at once are so many times those of a second. */
const BURST = 10;

/** `vitrine witness serve` */
export function registerWitnessServe(witness: Command, context: Context): void {
  withListenOptions(withWitnessOptions(witness.command('serve')))
    .summary('cosign the checkpoints that logs send')
    .description(
      'Serve a witness as C2SP tlog-witness has it: logs send it checkpoints (add-checkpoint) and get cosignatures if they only ' +
        'grew; monitors read the newest at <SHA-256 of the origin>/checkpoint, which is also a file in the state, below monitoring/. What ' +
        'contradicts itself is refused, and kept as evidence. The files of --policy, and what vitrine witness log adds, are read again ' +
        'within a second or so when they change. Prints the URL once it answers, and runs until SIGTERM or Ctrl-C.',
    )
    .option('--growth <n>', 'checkpoints a second by which one log may grow', positiveArgument('--growth'), 10)
    .option('--subtrees', 'also cosign parts of trees for anybody (sign-subtree), with keys of the type ml-dsa-44')
    .addHelpText(
      'after',
      '\nExample:\n  $ mkdir seen\n' +
        '  $ vitrine witness serve --key witness.key --policy policy --state ./seen --listen :8080\n',
    )
    .action((options: Options) => serveWitness(context, options));
}

async function serveWitness(context: Context, options: Options): Promise<void> {
  const { createLogger, Metrics } = await import('@vitrine/server');
  const { WitnessError, witnessApp } = await import('@vitrine/witness');
  const logger = createLogger(options.logLevel);
  const metrics = new Metrics();
  const cosigned = metrics.counter('vitrine_witness_cosigned_total', 'Checkpoints that were cosigned.');
  const signed = metrics.counter(
    'vitrine_witness_contradictions_total',
    'Requests with what contradicts an earlier signature of the log.',
  );
  const unproven = metrics.counter('vitrine_witness_unproven_total', 'Requests with a consistency proof that fails.');
  const { witness, origins } = await openWitness(context, options, {
    growth: { perSecond: options.growth, burst: options.growth * BURST },
    onFinding: ({ kind, origin, reason }, kept) => {
      if (kind === 'unproven') unproven.inc();
      else signed.inc();
      const level = kind === 'unproven' ? 'warn' : 'error';
      if (kept !== 'known') logger[level]({ kind, origin, reason, kept }, 'evidence');
    },
    onSourceProblem: (source, err) => logger.error({ source, err }, 'the logs in it stay as they were'),
  });
  await using _ = witness;
  if (options.subtrees && !witness.keys.some(({ type }) => type === KEY_TYPE_ML_DSA_44_COSIGNATURE)) {
    throw new WitnessError('witness-key', '--subtrees needs a --key of the type ml-dsa-44');
  }
  metrics.gauge('vitrine_witness_logs', 'Logs that are known.', () => origins().length);
  const app = witnessApp({
    witness,
    signsSubtrees: options.subtrees,
    onCosigned: ({ added: { checkpoint, isNew }, time }) => {
      cosigned.inc();
      const { origin, size } = checkpoint;
      logger[isNew ? 'info' : 'debug']({ origin, size, time }, 'cosigned');
    },
    onFault: (err) => logger.error({ err }, 'a request failed'),
  });
  const keys = witness.keys.map(({ keyName, keyId }) => ({ keyName, keyId: formatKeyId(keyId) }));
  await serve(
    context,
    {
      app,
      metrics,
      health: () => witness.state.failure,
      about: { keys, logs: origins() },
      directory: options.state,
    },
    options,
  );
}
