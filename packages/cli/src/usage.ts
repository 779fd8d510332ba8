import { type Command, CommanderError } from 'commander';
import { CliError } from './errors.ts';

/**
 * Runs the command that a command line names.
 *
 * @param build makes the program that knows all commands
 * @throws CliError `usage`, and what the command throws
 */
export async function parseCommandLine(args: readonly string[], build: () => Command): Promise<void> {
  const program = build();
  try {
    await program.parseAsync(helpArguments(program, args), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return;
    const reason =
      error.code === 'commander.missingMandatoryOptionValue' ? await unknownOption(args, build()) : undefined;
    throw new CliError('usage', usageMessage(reason ?? error, args, program), { cause: error });
  }
}

/** `help prove inclusion` is `prove inclusion --help`; commander takes one name only. */
function helpArguments(program: Command, args: readonly string[]): readonly string[] {
  const names = args.slice(1);
  if (args[0] !== 'help' || names.some((name) => name.startsWith('-') || name === 'help')) return args;
  let command = program;
  for (const name of names) {
    const child = command.commands.find((candidate) => candidate.name() === name);
    if (child === undefined) throw new CliError('usage', `unknown command '${name}'`);
    command = child;
  }
  return [...names, '--help'];
}

/** The option that was misspelt, perhaps, where commander misses a required one: it looks for those first. */
async function unknownOption(args: readonly string[], program: Command): Promise<CommanderError | undefined> {
  for (const command of commandsOf(program)) {
    for (const option of command.options) option.mandatory = false;
    command.action(() => {});
  }
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.code === 'commander.unknownOption') return error;
  }
  return undefined;
}

// Commands that take names of files.
const FILE_COMMANDS = new Set(['add', 'verify', 'release', 'review', 'handling', 'disclose', 'submit', 'show']);

function usageMessage({ code, message }: CommanderError, args: readonly string[], program: Command): string {
  // A command that is only a group of others, without one of them: commander would have printed its help.
  if (code === 'commander.help') return `name a command of "${args.join(' ')}": see vitrine ${args[0]} --help`;
  const text = message.replace(/^error: /, '').replace(/\n(?=\(Did you mean [^\n]*\)$)/, ' ');
  const flagOf = (arg: string): string => arg.replace(/=.*/s, '');
  if (code === 'commander.unknownOption') {
    const [first = ''] = args;
    if (first.startsWith('-') && hasOption(commandsOf(program), flagOf(first)))
      return `${text}; it goes behind the command`;
    const option = /^unknown option '(-[^-].*?)'/s.exec(text)?.[1];
    return option !== undefined && FILE_COMMANDS.has(first) ? `${text}; for a file, write ./${option}` : text;
  }
  if (code === 'commander.excessArguments' && !args.some((arg) => flagOf(arg) === '--log')) {
    const name = /^too many arguments for '([^']*)'/.exec(text)?.[1];
    const commands = commandsOf(program).filter((command) => command.name() === name);
    if (hasOption(commands, '--log')) return `${text.replace(/\.$/, '')}; name the log with --log`;
  }
  return text;
}

function hasOption(commands: readonly Command[], flag: string): boolean {
  return commands.some(({ options }) => options.some(({ long, short }) => flag === long || flag === short));
}

function commandsOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap(commandsOf)];
}
