import type { Mirror } from '@vitrine/witness';
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { collect, readCosigners } from '../cosigners.ts';
import {
  type MirrorCommandOptions,
  type OpenedSource,
  openMirror,
  openSource,
  withMirrorOptions,
} from '../mirror-place.ts';
import { positiveArgument } from '../numbers.ts';
import { type ListenCommandOptions, serve, withListenOptions } from '../serving.ts';

interface Options extends MirrorCommandOptions, ListenCommandOptions {
  readonly key: readonly string[];
  readonly indexKey?: readonly string[];
  readonly pull?: string;
  readonly interval: number;
}

/** Seconds: what was published under other keys, or longer ago, is cosigned before it is served. */
const RENEWAL = 300;

/** `vitrine mirror serve` */
export function registerMirrorServe(mirror: Command, context: Context): void {
  withListenOptions(withMirrorOptions(mirror.command('serve'), positiveArgument('--parallel')))
    .summary('serve a mirror, and cosign what it has')
    .description(
      'Serve a mirror as C2SP tlog-mirror has it: the log sends it entries (add-checkpoint, add-entries), or it fetches them ' +
        'itself with --pull; what it has it serves below /<SHA-256 of the origin>/ and below /, with its cosignature. With --check-index ' +
        'and --index-key it is a witness besides, to be listed in the policy of the log: it cosigns what it has copied and whose ' +
        'index it has derived again. Prints the URL once it answers, and runs until SIGTERM or Ctrl-C.',
    )
    .argument('<dir>', 'the directory of the mirror; it is made if it is not there and the log is named')
    .addOption(
      new Option(
        '--key <file>',
        "a key of the mirror's own, of the type ed25519-cosignature or ml-dsa-44, once for each",
      )
        .argParser(collect)
        .makeOptionMandatory(),
    )
    .option('--index-key <file>', 'a key with another name that vouches for the index, once for each', collect)
    .option('--pull <log>', 'fetch entries from here: the URL of the log, or a directory')
    .option('--interval <seconds>', 'between two looks at the log', positiveArgument('--interval'), 5)
    .addHelpText(
      'after',
      '\nExample:\n  $ vitrine mirror serve ./copy --key mirror.key --check-index --index-key index.key \\\n' +
        '      --pull https://log.example.com --policy policy --listen :8080\n',
    )
    .action((directory: string, options: Options) => serveMirror(context, directory, options));
}

async function serveMirror(context: Context, directory: string, options: Options): Promise<void> {
  const { createLogger } = await import('@vitrine/server');
  const logger = createLogger(options.logLevel);
  const keys = await readCosigners(context, options.key);
  const indexKeys = await readCosigners(context, options.indexKey ?? []);
  await using source = options.pull === undefined ? NO_SOURCE : await openSource(context, options.pull);
  await using mirror = await openMirror(context, directory, source === NO_SOURCE ? undefined : source, {
    ...options,
    keys,
    indexKeys,
    onFinding: ({ kind, origin, reason }) => logger.error({ kind, origin, reason }, 'the log contradicts itself'),
  });
  const published = mirror.replica.published();
  if (published !== undefined) await mirror.renew(published.size, RENEWAL);
  const { Follower } = await import('@vitrine/witness');
  const stopping = new AbortController();
  const follower =
    source === NO_SOURCE
      ? undefined
      : new Follower(mirror, {
          source: source.source,
          parallel: options.parallel,
          interval: options.interval * 1000,
          signal: stopping.signal,
          onPublished: ({ size }) => logger.info({ size }, 'published'),
          onFailure: ({ message }) => logger.warn({ reason: message }, 'the log could not be copied'),
        });
  const following = follower?.run();
  // A failure ends the server; while that ends, nobody else waits for it.
  following?.catch(() => {});
  try {
    await run(context, { mirror, directory, following, onPending: () => follower?.wake() }, options, (error) =>
      logger.error({ err: error }, 'a request failed'),
    );
  } finally {
    stopping.abort();
    await following;
  }
}

/** Without one, entries come from whoever sends them. */
const NO_SOURCE: OpenedSource = {
  source: async () => undefined,
  describe: async () => undefined,
  [Symbol.asyncDispose]: async () => {},
};

interface Running {
  readonly mirror: Mirror;
  readonly directory: string;
  /** Rejects when the mirror can do no more. */
  readonly following: Promise<void> | undefined;
  readonly onPending: () => void;
}

async function run(
  context: Context,
  { mirror, directory, following, onPending }: Running,
  options: Options,
  onFault: (error: unknown) => void,
): Promise<void> {
  const { logApp, Metrics } = await import('@vitrine/server');
  const { mirrorApp, originHash } = await import('@vitrine/witness');
  const { replica, store, origin } = mirror;
  const metrics = new Metrics();
  metrics.gauge('vitrine_mirror_entries', 'Entries in the checkpoint of the mirror.', () => replica.published()?.size);
  metrics.gauge('vitrine_mirror_stored_entries', 'Entries that are stored.', () => replica.next);
  const copy = logApp(replica, {
    description: await store.description(),
    derived: store,
    publishing: {
      published: () => replica.published(),
      waitFor: () => Promise.reject(new Error('a mirror takes no entries')),
      refusal: () => undefined,
    },
  });
  const app = mirrorApp({ mirror, onPending, onFault });
  app.route(`/${originHash(origin)}`, copy.app);
  app.route('/', copy.app);
  await serve(
    context,
    {
      app,
      metrics,
      health: () => mirror.failure,
      about: { origin, size: replica.size, checksIndex: replica.checksIndex },
      directory,
      ...(following && { failed: following.then(() => new Promise<never>(() => {})) }),
    },
    options,
  );
}
