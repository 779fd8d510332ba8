import { CliError } from './errors.ts';

/**
 * Refuses what cannot be a log's origin. It is the name of the log's keys too, and has their rules.
 * https://c2sp.org/tlog-checkpoint
 *
 * @throws CliError `usage`
 */
export function checkOrigin(origin: string): void {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(origin);
  if (scheme !== null) {
    throw new CliError('usage', `an origin has no scheme: use ${origin.slice(scheme[0].length) || 'a.example/x'}`);
  }
  if (/^$|[\s+\p{Cc}]/u.test(origin)) {
    throw new CliError('usage', 'an origin is not empty and has no spaces, plus signs and control characters');
  }
}
