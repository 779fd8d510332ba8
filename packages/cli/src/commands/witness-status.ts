import { displayOctets, equalBytes, NO_QUORUM, type PolicyWitness, verifyCheckpoint } from '@vitrine/core';
import type { LogReading } from '@vitrine/core/log';
import type { askSize, WitnessEndpoint } from '@vitrine/witness';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { ago } from '../finding-view.ts';
import { type LogOption, logPlace, type OpenedLog, openLog, withLogOption } from '../log-option.ts';
import { type LoadedPolicy, readPolicy } from '../policy-file.ts';
import { printable } from '../text.ts';

interface Options extends LogOption {
  readonly policy: string;
  readonly json?: boolean;
}

/** What a witness of the policy has seen of the log, as far as it says. */
interface Answer {
  readonly witness: PolicyWitness;
  readonly size?: number;
  /** Only from a checkpoint that it shows. */
  readonly root?: Uint8Array;
  /** When it cosigned that, in seconds since the Epoch. */
  readonly time?: number | undefined;
  readonly failure?: string;
}

const TIMEOUT = 10_000;

/** `vitrine witness status` */
export function registerWitnessStatus(witness: Command, context: Context): void {
  withLogOption(witness.command('status'))
    .summary('show how far the witnesses of a policy are')
    .description(
      'Ask each witness of a policy which checkpoint of the log it cosigned last, and compare that with the log: by the checkpoint that it ' +
        'shows below its URL in the policy, or by the size that it names when it is asked to cosign from size 0; one that has seen nothing ' +
        'cosigns then. Fails if one shows another tree than the log, or has seen a larger one.',
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
  const others = new Set<Answer>();
  for (const answer of answers) if (await isOther(log, answer)) others.add(answer);
  if (options.json) {
    for (const answer of answers) await output.json(answerJson(answer, size, others.has(answer)));
  } else {
    const now = context.now();
    const rows = answers.map((answer) => answerRow(answer, { size, now, isOther: others.has(answer) }));
    await output.text(table([['witness', 'key', 'size', 'behind', 'cosigned', 'failure'], ...rows]));
  }
  const nameOf = ({ witness }: Answer): string => printable(displayOctets(witness.name));
  if (others.size > 0) {
    const names = Array.from(others, (one) => `${nameOf(one)} shows another tree of ${one.size} entries`).join('; ');
    throw new CliError('witness-differs', `${names}: the log, or the witness, has two histories`);
  }
  const ahead = answers.find((answer) => (answer.size ?? 0) > size);
  if (ahead !== undefined) {
    throw new CliError(
      'witness-differs',
      `${nameOf(ahead)} has cosigned ${ahead.size} entries, and the log has ${size}: it lost some, or it is an old copy`,
    );
  }
}

async function isOther(log: LogReading, { size, root }: Answer): Promise<boolean> {
  const newest = log.checkpoint().size;
  if (size === undefined || root === undefined || size > newest) return false;
  return !equalBytes(root, (await log.proveConsistency(size, newest)).oldRoot);
}

function answerJson({ witness, size, time, failure }: Answer, newest: number, isOther: boolean): object {
  return {
    witness: displayOctets(witness.name),
    keyName: witness.key.keyName,
    ...(size !== undefined && { size, behind: newest - size, sameTree: !isOther }),
    ...(time !== undefined && { time }),
    ...(failure !== undefined && { failure }),
  };
}

function answerRow(
  { witness, size, time, failure }: Answer,
  { size: newest, now, isOther }: { readonly size: number; readonly now: number; readonly isOther: boolean },
): string[] {
  const state = failure ?? (isOther ? 'ANOTHER TREE' : size !== undefined && size > newest ? 'AHEAD OF THE LOG' : '-');
  return [
    printable(displayOctets(witness.name)),
    printable(witness.key.keyName),
    size === undefined ? '-' : String(size),
    size === undefined ? '-' : String(Math.max(0, newest - size)),
    time === undefined ? '-' : ago(time, now),
    state,
  ];
}

/** All witnesses at once, in the order of the policy. */
async function askAll(context: Context, log: OpenedLog, { policy, schemes }: LoadedPolicy): Promise<Answer[]> {
  const [{ witnessEndpoints }, { httpFetch }] = await Promise.all([
    import('@vitrine/witness'),
    import('../http-fetch.ts'),
  ]);
  // Refuses the policy of another log.
  verifyCheckpoint(log.checkpoint().note, { ...policy, quorum: NO_QUORUM }, { schemes });
  const { endpoints, unreachable } = witnessEndpoints(policy);
  const { signal, now } = context;
  const options = { log, schemes, fetch: await httpFetch(context), timeout: TIMEOUT, signal, now };
  const found = new Map<PolicyWitness, Answer>(
    unreachable.map(({ witness, reason }) => [witness, { witness, failure: reason }]),
  );
  await Promise.all(
    endpoints.map(async (endpoint) => {
      for (const answer of await ask(endpoint, options)) found.set(answer.witness, answer);
    }),
  );
  return policy.witnesses.map((witness) => found.get(witness)!);
}

/** What the keys of one witness have seen. */
async function ask(endpoint: WitnessEndpoint, options: Parameters<typeof askSize>[1]): Promise<Answer[]> {
  const { askSize, readWitnessed, WitnessError } = await import('@vitrine/witness');
  const { origin, key } = options.log;
  const { witnesses } = endpoint;
  const failed = (error: unknown): Answer[] => {
    if (!(error instanceof WitnessError)) throw error;
    return witnesses.map((witness) => ({ witness, failure: printable(error.message) }));
  };
  try {
    const shown = await readWitnessed(endpoint, { origin, keys: [key], schemes: options.schemes }, options);
    if (shown !== undefined) {
      const { size, root, times } = shown;
      return witnesses.map((witness) => ({ witness, size, root, time: times.get(witness.name) }));
    }
  } catch (error) {
    if (!(error instanceof WitnessError) || error.code === 'witness-unreachable') return failed(error);
    // It may show its checkpoints elsewhere.
  }
  return askSize(endpoint, options).then((size) => witnesses.map((witness) => ({ witness, size })), failed);
}

/** Rows whose cells stand under each other. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => Array.from(row[column]!).length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join('');
}
