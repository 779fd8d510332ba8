// https://www.rfc-editor.org/rfc/rfc9110#name-retry-after

/**
 * The milliseconds that a Retry-After header asks to wait: a number of seconds, or a date. Undefined if there is none that says
 * so.
 *
 * @param now milliseconds since the Epoch
 */
export function parseRetryAfter(value: string | null, now: number): number | undefined {
  if (value === null) return undefined;
  if (/^[0-9]{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
