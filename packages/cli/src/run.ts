import { answerCompletion } from './commands/complete.ts';
import { type Context, variable } from './context.ts';
import { CliError, describeFailure, EXIT_DONE, interrupted } from './errors.ts';
import { buildProgram } from './program.ts';
import { parseCommandLine } from './usage.ts';

/**
 * Runs the command, and reports what goes wrong.
 *
 * @param args the command line, without the program's own name
 * @returns the exit status
 */
export async function run(args: readonly string[], context: Context): Promise<number> {
  try {
    try {
      await dispatch(args, context);
    } finally {
      // What was done before a failure is still a result.
      await context.output.flush();
    }
    return EXIT_DONE;
  } catch (error) {
    // Whatever it is that stopped then, it is because the user wanted it.
    return report(args, context, context.signal.aborted ? interrupted() : error);
  }
}

async function dispatch(args: readonly string[], context: Context): Promise<void> {
  if (args[0] === 'complete' && args[1] === '--') {
    return answerCompletion(buildProgram(context, { completion: false }), args.slice(2));
  }
  // A name alone is a question, but not one that a script should take for success.
  if (args.length === 0) {
    context.output.trace(buildProgram(context).helpInformation());
    throw new CliError('usage', 'name a command');
  }
  await parseCommandLine(args, () => buildProgram(context));
}

function report(args: readonly string[], { output, ...context }: Context, error: unknown): number {
  const { code, message, exitStatus } = describeFailure(error);
  if (args.includes('--json')) output.jsonNote({ error: { code, message } });
  else output.note(`${code}: ${message}`);
  if (variable({ output, ...context }, 'VITRINE_DEBUG') === '1' && error instanceof Error) {
    output.trace(String(error.stack));
  }
  return exitStatus;
}
