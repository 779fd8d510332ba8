import { join } from 'node:path';
import { formatVkey } from '@vitrine/core';
import type { Finding } from '@vitrine/witness';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { readAtMost } from '../files.ts';
import { printable } from '../text.ts';
import { formatTime } from '../time.ts';

interface Options {
  readonly state: string;
  readonly json?: boolean;
}

/** Two notes of the largest size, in JSON. */
const MAX_EVIDENCE_SIZE = 16 << 20;

/** `vitrine witness evidence` */
export function registerWitnessEvidence(witness: Command, context: Context): void {
  witness
    .command('evidence')
    .summary('print what logs were found to do')
    .description(
      'Print what a witness found: two-roots and empty-root are contradictions that only whoever has the key of the log can have ' +
        'signed; unproven is a consistency proof that failed, which anybody can have broken on the way. Each is in a file of its own, ' +
        'with all that it takes to check it, and is checked again now. A server of the state may run meanwhile.',
    )
    .requiredOption('--state <directory>', 'the state of the witness, or the directory of a mirror')
    .option('--json', 'print one JSON object for each')
    .addHelpText('after', '\nExample:\n  $ vitrine witness evidence --state ./seen\n')
    .action((options: Options) => evidence(context, options));
}

async function evidence({ output }: Context, { state, json }: Options): Promise<void> {
  const { evidenceFiles, openFinding } = await import('@vitrine/witness');
  const directory = join(state, 'evidence');
  for (const name of await evidenceFiles(directory)) {
    const file = join(directory, name);
    const finding = await openFinding(await readAtMost(file, MAX_EVIDENCE_SIZE));
    if (json) await output.json({ file, ...findingJson(finding) });
    else {
      const { kind, time, reason, origin } = finding;
      await output.text(
        `${formatTime(time)}  ${kind.padEnd('empty-root'.length)}  ${printable(origin)}  ${printable(reason)}\n`,
      );
      await output.text(`  ${printable(file)}\n`);
    }
  }
}

function findingJson({ kind, origin, time, reason, keys, notes }: Finding): object {
  const text = (note: Uint8Array): string => new TextDecoder().decode(note);
  return { kind, origin, time, reason, vkeys: keys.map(formatVkey), notes: notes.map(text) };
}
