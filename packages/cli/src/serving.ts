import type { Env, Hono, ListenOptions, Metrics } from '@vitrine/server';
import { type Command, Option } from 'commander';
import type { Context } from './context.ts';
import { CliError } from './errors.ts';
import { readAtMost } from './files.ts';
import { announce } from './served-file.ts';

/** What {@link withListenOptions} leaves among a command's options. */
export interface ListenCommandOptions {
  readonly listen: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly logLevel: string;
  readonly json?: boolean;
}

const MAX_PEM_SIZE = 1024 * 1024;
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** Adds what every command has that serves. */
export function withListenOptions(command: Command): Command {
  return command
    .option('--listen <address>', 'where to listen: 8080 (this machine only), :8080 (everywhere), [::1]:8080', '8080')
    .option('--tls-cert <file>', 'serve HTTPS, with this certificate and those that lead to its authority, in PEM')
    .option('--tls-key <file>', 'the private key of the certificate, in PEM')
    .addOption(
      new Option('--log-level <level>', 'what is said on standard error, as lines of JSON')
        .choices(LEVELS)
        .default('info'),
    )
    .option('--json', 'print one JSON object');
}

/** What is served. */
export interface Serving<E extends Env> {
  readonly app: Hono<E>;
  readonly metrics: Metrics;
  /** Why it does not work any more. */
  health?(): Error | undefined;
  /** What to say of it, beside the URL. */
  readonly about: Readonly<Record<string, unknown>>;
  /** Where others who find it locked are told the URL. */
  readonly directory?: string;
  /** Called when it is to stop, before the last requests are waited for. */
  stopping?(): void;
  /** Ends the server with its error. */
  readonly failed?: Promise<never>;
}

/**
 * Serves until the user wants it to stop, and then answers what was asked: that is a success.
 *
 * @throws CliError `usage`, `file-` codes; ServerError `address-`, `tls-` codes; what `failed` rejects with
 */
export async function serve<E extends Env>(
  context: Context,
  serving: Serving<E>,
  options: ListenCommandOptions,
): Promise<void> {
  const { output, signal } = context;
  const { createLogger, listen } = await import('@vitrine/server');
  const logger = createLogger(options.logLevel);
  const { app, metrics, health, failed } = serving;
  const listener = await listen(app, { ...(await listenOptions(options)), logger, metrics, health });
  const { url } = listener;
  let withdraw: (() => Promise<void>) | undefined;
  try {
    if (serving.directory !== undefined) withdraw = await announce(serving.directory, url);
    if (options.json) await output.json({ url, ...serving.about });
    else await output.text(`${url}\n`);
    await output.flush();
    logger.info({ url, ...serving.about }, 'serving');
    const stopped = signal.aborted
      ? undefined
      : new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    await (failed === undefined ? stopped : Promise.race([stopped, failed]));
    logger.info('stopping');
  } finally {
    serving.stopping?.();
    await listener.close().finally(() => withdraw?.());
  }
  logger.info('stopped');
}

/** Where the user wants it to listen, and how. */
async function listenOptions({ listen, tlsCert, tlsKey }: ListenCommandOptions): Promise<ListenOptions> {
  const { parseAddress } = await import('@vitrine/server');
  const address = parseAddress(listen);
  if (tlsCert === undefined && tlsKey === undefined) return address;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new CliError('usage', '--tls-cert and --tls-key go together');
  }
  const [cert, key] = await Promise.all([tlsCert, tlsKey].map((path) => readAtMost(path, MAX_PEM_SIZE)));
  return { ...address, tls: { cert: cert!, key: key! } };
}
