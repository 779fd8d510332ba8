import { Argument, type Command } from 'commander';

// What the completion scripts understand.
const ShellDirective = { files: 0, noFiles: 4 } as const;

const SHELLS = ['bash', 'zsh', 'fish'];

/** `vitrine complete` */
export function registerComplete(program: Command, buildWithout: () => Command): void {
  program
    .command('complete')
    .summary('print a shell completion script')
    .description('Print a script that makes a shell complete commands and options of vitrine.')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText(
      'after',
      '\nExamples:\n  $ source <(vitrine complete bash)\n' +
        '  $ vitrine complete fish > ~/.config/fish/completions/vitrine.fish\n',
    )
    .action((shell: string) => printScript(shell, buildWithout()));
}

/** Answers what the scripts ask: how the last of `words` can go on. `program` has no command for completion yet. */
export async function answerCompletion(program: Command, words: readonly string[]): Promise<void> {
  (await completer(program)).parse([...words]);
}

async function printScript(shell: string, program: Command): Promise<void> {
  const root = await completer(program);
  const script = printedBy(() => root.setup(program.name(), program.name(), shell));
  // Sourced a second time, assignments to what is readonly are errors.
  console.log(shell === 'bash' ? script.replace(/^readonly /gm, '') : script);
  // Unlike the others, the script for bash completes files only if it is registered so.
  if (shell === 'bash') console.log(`complete -o default -F __${program.name()}_complete ${program.name()}`);
}

/** What `act` would have printed: the library hands its scripts to nobody else. */
function printedBy(act: () => void): string {
  const lines: string[] = [];
  const { log } = console;
  console.log = (text: string) => void lines.push(text);
  try {
    act();
  } finally {
    console.log = log;
  }
  return lines.join('\n');
}

/** A line has room for a summary, and not for a description. */
function summarise(command: Command): void {
  command.description(command.summary() || command.description());
  for (const child of command.commands) summarise(child);
}

interface Completer {
  parse(words: string[]): void;
  setup(name: string, executable: string, shell: string): void;
}

async function completer(program: Command): Promise<Completer> {
  const { default: tab } = await import('@bomb.sh/tab/commander');
  summarise(program);
  const root = tab(program);
  // It tells the shell never to complete files; they are what is left where there is nothing else to suggest.
  Object.defineProperty(root, 'directive', {
    get: () => (root.completions.length > 0 ? ShellDirective.noFiles : ShellDirective.files),
    set: () => {},
  });
  return root;
}
