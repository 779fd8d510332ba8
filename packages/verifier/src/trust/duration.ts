const DURATION = /^([1-9][0-9]{0,8})([smhd])$/;
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Reads `90s`, `15m`, `6h` or `7d`, in seconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit] = DURATION.exec(text) ?? [];
  return amount === undefined ? undefined : Number(amount) * SECONDS[unit!]!;
}

/** Seconds as {@link parseDuration} reads them, in the largest unit that they are a multiple of. */
export function formatDuration(seconds: number): string {
  const unit = ['d', 'h', 'm'].find((name) => seconds % SECONDS[name]! === 0) ?? 's';
  return `${seconds / SECONDS[unit]!}${unit}`;
}

const TIME = /^(\d{4}-\d{2}-\d{2})T(?:[01]\d|2[0-3]):\d{2}:\d{2}(?:Z|[+-]\d{2}:\d{2})$/;

/** Reads a time of RFC 3339 without fractions, in seconds since the Epoch; undefined for anything else, and before that. */
export function parseTime(text: string): number | undefined {
  const [, date] = TIME.exec(text) ?? [];
  if (date === undefined) return undefined;
  const day = Date.parse(date);
  const time = Date.parse(text);
  // February the 30th is a day in March for a Date.
  const isReal = !Number.isNaN(time) && time >= 0 && new Date(day).toISOString().slice(0, 10) === date;
  return isReal ? time / 1000 : undefined;
}
