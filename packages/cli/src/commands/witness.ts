import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { registerWitnessCosign } from './witness-cosign.ts';
import { registerWitnessEvidence } from './witness-evidence.ts';
import { registerWitnessGather } from './witness-gather.ts';
import { registerWitnessLog } from './witness-log.ts';
import { registerWitnessServe } from './witness-serve.ts';
import { registerWitnessStatus } from './witness-status.ts';

/** `vitrine witness` */
export function registerWitness(program: Command, context: Context): void {
  const witness = program
    .command('witness')
    .helpCommand(false)
    .summary('be a witness of logs, or have one cosigned')
    .description(
      'A witness vouches that a log showed it one tree, which only ever grew. It remembers the newest of each log, and cosigns no ' +
        'other. With serve, cosign, log and evidence you are one; with gather and status you ask those of your log.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ vitrine witness serve --key witness.key --policy policy --state ./seen --listen :8080\n' +
        '  $ vitrine witness gather --log ./log --policy policy\n',
    );
  registerWitnessServe(witness, context);
  registerWitnessCosign(witness, context);
  registerWitnessLog(witness, context);
  registerWitnessEvidence(witness, context);
  registerWitnessGather(witness, context);
  registerWitnessStatus(witness, context);
}
