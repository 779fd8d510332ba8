import { CoreError, displayOctets, equalBytes, type PolicyWitness } from '@vitrine/core';
import type { LogReading } from '@vitrine/core/log';
import type { Witnessed } from '@vitrine/witness';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { ago } from '../finding-view.ts';
import { type LogOption, logPlace, openLog, withLogOption } from '../log-option.ts';
import { type LoadedPolicy, readPolicy } from '../policy-file.ts';
import { count, printable } from '../text.ts';

interface Options extends LogOption {
  readonly policy: string;
  readonly json?: boolean;
}

/** What became of asking a witness. */
interface Answer {
  readonly witness: PolicyWitness;
  readonly shown?: Witnessed | undefined;
  readonly failure?: string;
}

const TIMEOUT = 10_000;

/** `vitrine witness status` */
export function registerWitnessStatus(witness: Command, context: Context): void {
  withLogOption(witness.command('status'))
    .summary('show how far the witnesses of a policy are')
    .description(
      'Ask each witness of a policy which checkpoint of the log it cosigned last, and compare that with the log. A witness is asked at the ' +
        'URL in the policy; one that shows its checkpoints elsewhere cannot be asked. Fails if one shows another tree than the log.',
    )
    .requiredOption('--policy <file>', 'the policy that names the witnesses, with their URLs')
    .option('--json', 'print one JSON object for each witness')
    .addHelpText('after', '\nExample:\n  $ vitrine witness status --policy policy --log https://log.example\n')
    .action((options: Options) => witnessStatus(context, options));
}

async function witnessStatus(context: Context, options: Options): Promise<void> {
  const { output } = context;
  const loaded = await readPolicy(options.policy);
  await using log = await openLog(await logPlace(context, options));
  const answers = await askAll(context, log, loaded);
  const { size } = log.checkpoint();
  const now = context.now();
  const others: string[] = [];
  for (const { witness, shown, failure } of answers) {
    const name = displayOctets(witness.name);
    const isOther = shown !== undefined && shown.size <= size && !equalBytes(shown.root, await rootAt(log, shown.size));
    if (isOther) others.push(`${name} shows another tree of ${shown.size} entries`);
    const time = shown?.times.get(witness.name);
    if (options.json) {
      await output.json({
        witness: name,
        keyName: witness.key.keyName,
        ...(shown && { size: shown.size, behind: size - shown.size, sameTree: !isOther }),
        ...(time !== undefined && { time }),
        ...(failure !== undefined && { failure }),
      });
      continue;
    }
    const state =
      shown === undefined ? (failure ?? 'has cosigned nothing, as far as it shows') : stateOf(shown, size, isOther);
    const when = time === undefined ? '' : `, ${ago(time, now)}`;
    await output.text(`${name}  ${printable(witness.key.keyName)}  ${state}${when}\n`);
  }
  const ahead = answers.find(({ shown }) => shown !== undefined && shown.size > size);
  if (others.length > 0)
    throw new CliError('witness-differs', `${others.join('; ')}: the log, or the witness, has two histories`);
  if (ahead !== undefined) {
    const name = displayOctets(ahead.witness.name);
    throw new CliError(
      'witness-differs',
      `${name} has cosigned ${ahead.shown!.size} entries, and the log has ${size}: it lost some, or it is an old copy`,
    );
  }
}

function stateOf({ size: seen }: Witnessed, size: number, isOther: boolean): string {
  if (isOther) return `another tree of ${count(seen, 'entry', 'entries')}`;
  if (seen > size) return `${seen - size} ahead, at ${seen}`;
  return seen === size ? `up to date, at ${seen}` : `${size - seen} behind, at ${seen}`;
}

async function rootAt(log: LogReading, size: number): Promise<Uint8Array> {
  return (await log.proveConsistency(size, log.checkpoint().size)).oldRoot;
}

/** All witnesses at once, in the order of the policy. */
async function askAll(context: Context, log: LogReading, { policy, schemes }: LoadedPolicy): Promise<Answer[]> {
  const [{ readWitnessed, WitnessError, witnessEndpoints }, { httpFetch }] = await Promise.all([
    import('@vitrine/witness'),
    import('../http-fetch.ts'),
  ]);
  const { origin } = log;
  const keys = policy.logs.map(({ key }) => key).filter(({ keyName }) => keyName === origin);
  if (keys.length === 0) throw new CoreError('policy-log', `the policy lists no key of the log ${origin}`);
  const { endpoints, unreachable } = witnessEndpoints(policy);
  const asking = { fetch: await httpFetch(context), timeout: TIMEOUT, signal: context.signal };
  const found = new Map<PolicyWitness, Answer>(
    unreachable.map(({ witness, reason }) => [witness, { witness, failure: reason }]),
  );
  await Promise.all(
    endpoints.map(async (endpoint) => {
      const answer = await readWitnessed(endpoint, { origin, keys, schemes }, asking).then(
        (shown) => ({ shown }),
        (error: unknown) => {
          if (error instanceof WitnessError) return { failure: printable(error.message) };
          throw error;
        },
      );
      for (const witness of endpoint.witnesses) found.set(witness, { witness, ...answer });
    }),
  );
  return policy.witnesses.map((witness) => found.get(witness)!);
}
