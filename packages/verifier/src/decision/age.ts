import { Refusal } from '../refusal.ts';
import { formatDuration } from '../trust/duration.ts';
import type { ReleaseRule } from '../trust/trust.ts';
import type { FoundRelease } from './release.ts';

interface Aging {
  readonly payload: FoundRelease['statement']['payload'];
  readonly rule: ReleaseRule;
  readonly time: number | undefined;
  readonly now: number;
  /** The caller's, in seconds. */
  readonly maxAge: number | undefined;
}

/** @throws Refusal `release-expired`, `too-old` */
export function checkAge({ payload, rule, time, now, maxAge }: Aging): void {
  if (payload.type === 'database' && payload.expires !== undefined && payload.expires <= now) {
    throw new Refusal(
      'release-expired',
      `the vendor said of release ${payload.sequence} that it is not to be used any more by now`,
    );
  }
  const limits = [rule.maxAge, maxAge].filter((limit) => limit !== undefined);
  if (limits.length === 0) return;
  const limit = Math.min(...limits);
  if (time === undefined) {
    throw new Refusal('too-old', 'no time is known at which enough witnesses had seen the checkpoint');
  }
  const age = Math.max(0, now - time);
  if (age > limit) {
    throw new Refusal('too-old', `witnesses saw the checkpoint ${age} s ago, and ${formatDuration(limit)} are allowed`);
  }
}
