import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { registerReleaseBuild } from './release-build.ts';
import { registerReleaseDatabase } from './release-database.ts';
import { registerReleaseSource } from './release-source.ts';

/** `vitrine release source`, `vitrine release build` and `vitrine release database` */
export function registerRelease(program: Command, context: Context): void {
  const release = program
    .command('release')
    .helpCommand(false)
    .summary('sign a source, a build or a database, and log it')
    .description('Sign what is released, and log it: a source, a build made from it, or a signature database.')
    .addHelpText(
      'after',
      '\nExample:\n  $ vitrine release source v5.2 --product acme-av --version 5.2 --log ./log --key vendor.key\n',
    );
  registerReleaseSource(release, context);
  registerReleaseBuild(release, context);
  registerReleaseDatabase(release, context);
}
