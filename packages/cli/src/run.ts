import { CommanderError } from 'commander';
import { answerCompletion } from './commands/complete.ts';
import { type Context, variable } from './context.ts';
import { CliError, describeFailure, EXIT_DONE, interrupted } from './errors.ts';
import { buildProgram } from './program.ts';

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
  const program = buildProgram(context);
  // A name alone is a question, but not one that a script should take for success.
  if (args.length === 0) throw new CliError('usage', `name a command\n\n${program.helpInformation().trimEnd()}`);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return;
    throw new CliError('usage', usageMessage(error, args), { cause: error });
  }
}

function usageMessage({ code, message }: CommanderError, args: readonly string[]): string {
  // A command that is only a group of others, without one of them: commander would have printed its help.
  if (code === 'commander.help') return `name a command of "${args.join(' ')}": see vitrine ${args[0]} --help`;
  return message.replace(/^error: /, '');
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
