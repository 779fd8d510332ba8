import { parseDuration, parseTime as parseRfc3339 } from '@vitrine/verifier';
import { CliError } from './errors.ts';

// The last second that a Date can show.
const MAX_DATE = 8.64e12;

/** Seconds since the Epoch as people and programs read them. RFC 3339, in UTC. */
export function formatTime(seconds: number): string {
  return seconds > MAX_DATE ? `${seconds} s` : new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const DURATION = /^([1-9]\d{0,5})([hdw])$/;
const UNITS: ReadonlyMap<string, number> = new Map([
  ['h', 3600],
  ['d', 86_400],
  ['w', 604_800],
]);

/**
 * Reads a time on a command line, for commander: a date (its first second in UTC) or a time of RFC 3339, in seconds since
 * the Epoch.
 *
 * @param name of the option, for errors
 */
export function timeArgument(name: string): (text: string) => number {
  return (text) => {
    const seconds = parseTime(text);
    if (seconds !== undefined) return seconds;
    throw new CliError('usage', `${name} must be a date or time as 2030-12-31 or 2030-12-31T23:59:59Z, not ${text}`);
  };
}

/** As {@link timeArgument}, for a time to come; or from now on: a number of hours, days or weeks, as in `36h`, `30d`, `2w`. */
export function expiryArgument(name: string, now: () => number): (text: string) => number {
  return (text) => {
    const [, amount, unit] = DURATION.exec(text) ?? [];
    const seconds = amount === undefined ? parseTime(text) : now() + Number(amount) * UNITS.get(unit!)!;
    if (seconds === undefined) {
      throw new CliError('usage', `${name} must be a duration as 36h, 30d or 2w, or a time as 2030-12-31, not ${text}`);
    }
    if (seconds <= now()) throw new CliError('usage', `${name} ${text} has passed already`);
    return seconds;
  };
}

/** Reads a duration on a command line, for commander, in seconds. @param name of the option, for errors */
export function durationArgument(name: string): (text: string) => number {
  return (text) => {
    const seconds = parseDuration(text);
    if (seconds !== undefined) return seconds;
    throw new CliError('usage', `${name} must be a duration as 90s, 15m, 6h or 7d, not ${text}`);
  };
}

/** A date is its first second in UTC. */
function parseTime(text: string): number | undefined {
  return parseRfc3339(DATE.test(text) ? `${text}T00:00:00Z` : text);
}
