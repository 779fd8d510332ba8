import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { differenceOf } from '../conformance-answer.ts';
import { type ConformanceCase, ownCorpus, readCorpus } from '../conformance-corpus.ts';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { decimalArgument } from '../numbers.ts';
import { startProgress } from '../progress.ts';
import { ask, type Reply } from '../tested-program.ts';
import { count, printable } from '../text.ts';
import { durationArgument } from '../time.ts';

interface Options {
  readonly corpus?: string;
  readonly only?: readonly string[];
  readonly jobs?: number;
  /** In seconds. */
  readonly timeout?: number;
  readonly json?: boolean;
}

const DEFAULT_TIMEOUT = 10;

/** `vitrine conformance` */
export function registerConformance(program: Command, context: Context): void {
  program
    .command('conformance')
    .summary('test a verifier of bundles in another language')
    .usage('[options] -- <program> [argument...]')
    .description(
      'Test a program that decides about releases as vitrine verify --trust does. It is run once for each case of a corpus, gets the ' +
        'case as a JSON object on standard input, and answers with one on standard output: the finding, or the code of the ' +
        'refusal, and the next state. docs/conformance.md has both. Cases that fail are printed.',
    )
    .argument('<program...>', 'the program and its arguments')
    .option('--corpus <dir>', "the corpus (default: this version's own)")
    .option('--only <id...>', 'these cases only')
    .option('--jobs <number>', 'how many to run at once (default: one for each processor)', decimalArgument('--jobs'))
    .option(
      '--timeout <duration>',
      'how long a case may take, as 5s or 1m (default: 10s)',
      durationArgument('--timeout'),
    )
    .option('--json', 'print one JSON object for each case')
    .addHelpText('after', '\nExample:\n  $ vitrine conformance -- python3 verifier.py\n')
    .action((words: readonly string[], options: Options) => test(context, words, options));
}

/** What came of a case. */
interface Result {
  readonly tested: ConformanceCase;
  readonly reply: Reply;
  /** What is wrong with it, in words. */
  readonly problem: string | undefined;
}

async function test(context: Context, words: readonly string[], options: Options): Promise<void> {
  const { jobs = availableParallelism(), timeout = DEFAULT_TIMEOUT, json } = options;
  if (jobs < 1) throw new CliError('usage', '--jobs must be at least 1');
  const cases = await readCorpus(options.corpus ?? ownCorpus(), options.only ?? []);
  const progress = startProgress(context, { label: 'testing', unit: 'cases', json });
  const results: Result[] = [];
  let printed = 0;
  let done = 0;
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const waiting = cases.entries();
  const work = async (): Promise<void> => {
    for (const [i, tested] of waiting) {
      const reply = await ask(words as [string, ...string[]], tested.input, { timeout, signal });
      const problem = 'problem' in reply ? reply.problem : differenceOf(tested.expected, reply.answer);
      results[i] = { tested, reply, problem };
      progress.update(++done, cases.length);
      // In the order of the corpus, whichever is done first.
      for (let next = results[printed]; next !== undefined; next = results[printed]) {
        printed++;
        await print(context, next, options);
      }
    }
  };
  try {
    await Promise.all(
      Array.from({ length: jobs }, () =>
        work().catch((error: unknown) => {
          failed.abort();
          throw error;
        }),
      ),
    );
  } finally {
    progress.stop();
  }
  const failures = results.filter(({ problem }) => problem !== undefined).length;
  if (!json) {
    const passed = cases.length - failures;
    await context.output.text(`${count(cases.length, 'case')}: ${passed} passed, ${failures} failed\n`);
  }
  if (failures > 0) throw new CliError('conformance-failed', `${failures} of ${count(cases.length, 'case')} failed`);
}

async function print({ output }: Context, { tested, reply, problem }: Result, { json }: Options): Promise<void> {
  const { id, tries, expected } = tested;
  if (json) {
    const failure = { tries, problem, expected, ...('answer' in reply && { found: reply.answer }) };
    await output.json({ id, passed: problem === undefined, ...(problem !== undefined && failure) });
  } else if (problem !== undefined) await output.text(`FAIL  ${id}: ${printable(problem)}\n`);
}
