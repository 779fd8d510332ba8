import { CoreError, type Signer } from '@vitrine/core';
import type { Log, Store } from '@vitrine/core/log';
import type { AppendOptions, createLogger, Publishing, TokenFile } from '@vitrine/server';
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { CliError, fileError } from '../errors.ts';
import { describeLog, logDirectory, logSigner, openStore, rulesOf, withLogDirectoryOption } from '../log-option.ts';
import { readPolicy } from '../policy-file.ts';
import { isExported, serveExported } from '../serve-exported.ts';
import { type ListenCommandOptions, serve, withListenOptions } from '../serving.ts';
import { durationArgument } from '../time.ts';

interface Options extends ListenCommandOptions {
  readonly log?: string;
  readonly readOnly?: boolean;
  readonly open?: boolean;
  readonly tokens?: string;
  readonly key?: string;
  readonly policy?: string;
  readonly manifests?: string;
  readonly heartbeat?: number;
  readonly startUnwitnessed?: boolean;
}

/** `vitrine serve` */
export function registerServe(program: Command, context: Context): void {
  withListenOptions(withLogDirectoryOption(program.command('serve')))
    .summary('serve the log over HTTP')
    .description(
      'Serve a log over HTTP: its tiles as C2SP tlog-tiles has them, its checkpoint, proofs and bundles; and take entries. ' +
        'Anybody may append statements, because the log admits only those of the keys that it knows; to append to a log for ' +
        'arbitrary entries takes a token. Prints the URL once it answers, and runs until SIGTERM or Ctrl-C: what was asked ' +
        'by then is answered.',
    )
    .option('--read-only', 'take no entries: needs no key; also for a mirror, and for what vitrine export wrote')
    .addOption(new Option('--open', 'take arbitrary entries from everybody').conflicts(['tokens', 'readOnly']))
    .addOption(new Option('--tokens <file>', 'the tokens that append, which vitrine token makes').conflicts('readOnly'))
    .addOption(
      new Option(
        '--key <file>',
        "the log's key (default: $VITRINE_LOG_KEY, for a raw log $VITRINE_KEY, or where init put it)",
      ).conflicts('readOnly'),
    )
    .option('--policy <file>', 'have its witnesses cosign, and show only checkpoints that satisfy it')
    .option(
      '--heartbeat <duration>',
      'how long the log can be idle before they cosign again (default: 5m)',
      durationArgument('--heartbeat'),
    )
    .option(
      '--start-unwitnessed',
      'take entries before its witnesses confirm that they know no larger tree of this log',
    )
    .option('--manifests <dir>', 'the manifests of releases, each in a file named by its SHA-256 in hexadecimal digits')
    .addHelpText(
      'after',
      '\nExample:\n  $ vitrine serve --log ./log --listen :8080 --tls-cert cert.pem --tls-key key.pem\n',
    )
    .action((options: Options) => serveLog(context, options));
}

async function serveLog(context: Context, options: Options): Promise<void> {
  const directory = await logDirectory(context, options);
  if (options.readOnly && (await isExported(directory))) {
    if (options.policy !== undefined || options.manifests !== undefined) {
      throw new CliError('usage', '--policy and --manifests go with a log, and these are files that were exported');
    }
    return serveExported(context, directory, options);
  }
  const description = await describeLog({ directory });
  if (description.mirror && !options.readOnly) {
    const how = 'serve it with --read-only, or with vitrine mirror serve';
    throw new CoreError('log-mirror', `${directory} has a mirror of ${description.origin}: ${how}`);
  }
  checkOptions(options, description.kind === 'raw');
  const signer = options.readOnly ? undefined : await logSigner(context, description, options);
  const { Log } = await import('@vitrine/core/log');
  const store = await openStore(directory);
  let log: Log;
  try {
    log = await Log.open(store, { signer, ...rulesOf(description) });
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
  await using opened = log;
  await run(context, { directory, store, log: opened, signer }, options);
}

function checkOptions({ readOnly, open, tokens, policy, ...options }: Options, isRaw: boolean): void {
  const isGathering = options.heartbeat !== undefined || options.startUnwitnessed;
  if (isGathering && (policy === undefined || readOnly)) {
    throw new CliError(
      'usage',
      '--heartbeat and --start-unwitnessed go with --policy, and with a log that takes entries',
    );
  }
  if (!isRaw && (open || tokens !== undefined)) {
    throw new CliError(
      'usage',
      'a log of statements takes those of the keys that it admits: --open and --tokens are for others',
    );
  }
  if (isRaw && !readOnly && !open && tokens === undefined) {
    throw new CliError('usage', 'say who may append to this log: --tokens <file>, --open, or nobody with --read-only');
  }
}

interface Opened {
  readonly directory: string;
  readonly store: Store;
  readonly log: Log;
  readonly signer: Signer | undefined;
}

async function run(context: Context, { directory, store, log, signer }: Opened, options: Options): Promise<void> {
  const { createLogger, logApp, Metrics } = await import('@vitrine/server');
  const stopping = new AbortController();
  let fail: (error: Error) => void;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => {});
  const logger = createLogger(options.logLevel);
  const append: AppendOptions | undefined =
    signer === undefined
      ? undefined
      : {
          log,
          admitting: options.tokens === undefined ? 'everybody' : await openTokens(options.tokens, logger),
          stopping: stopping.signal,
          failed: (error) => fail(error),
        };
  const metrics = new Metrics();
  const publishing = await publishingOf(context, { log, signer }, { ...options, logger });
  const { app, health } = logApp(log, {
    description: await store.description(),
    derived: store,
    publishing,
    append,
    manifests: options.manifests,
    metrics,
  });
  try {
    await serve(
      context,
      {
        app,
        metrics,
        health,
        about: { origin: log.origin, size: log.size, readOnly: signer === undefined },
        directory,
        stopping: () => stopping.abort(),
        failed,
      },
      options,
    );
  } finally {
    await publishing?.[Symbol.asyncDispose]?.();
  }
}

async function openTokens(path: string, logger: ReturnType<typeof createLogger>): Promise<TokenFile> {
  const { TokenFile } = await import('@vitrine/server');
  const onFailure = (error: unknown): void =>
    logger.error({ path, reason: (error as Error).message }, 'the file of tokens cannot be read, so none is taken');
  return TokenFile.open(path, onFailure).catch((error: unknown) => {
    throw fileError(path, error);
  });
}

/** Which checkpoints are shown, and who has them cosigned. Undefined for all of them. */
async function publishingOf(
  context: Context,
  { log, signer }: Pick<Opened, 'log' | 'signer'>,
  { policy: path, heartbeat, startUnwitnessed, logger }: Options & { readonly logger: ReturnType<typeof createLogger> },
): Promise<(Publishing & Partial<AsyncDisposable>) | undefined> {
  if (path === undefined) return undefined;
  const loaded = await readPolicy(path);
  // Also those that need not cosign.
  if (signer !== undefined && loaded.policy.witnesses.length > 0) {
    const { gatherCosignatures } = await import('../gathering.ts');
    return gatherCosignatures(context, log, loaded, { logger, heartbeat, startUnwitnessed });
  }
  const { publishesWitnessed } = await import('@vitrine/server');
  return publishesWitnessed(log, loaded);
}
