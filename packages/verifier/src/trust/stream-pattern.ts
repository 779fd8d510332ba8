const ANY = '*';
const REST = '**';
const SEGMENT = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * Whether a text is a pattern of streams: segments between slashes, each of them a name, `*` for any one, or as the last
 * `**` for one or more.
 */
export function isStreamPattern(pattern: string): boolean {
  const segments = pattern.split('/');
  return segments.every(
    (segment, i) => segment === ANY || SEGMENT.test(segment) || (segment === REST && i === segments.length - 1),
  );
}

/** Whether a pattern names one stream and no other. */
export function isExactPattern(pattern: string): boolean {
  return !pattern.includes(ANY);
}

/** Whether a stream, as statements name it, is one of a pattern's; of a pattern, whether all of its streams are. */
export function matchesPattern(pattern: string, stream: string): boolean {
  const wanted = pattern.split('/');
  const segments = stream.split('/');
  const hasRest = wanted.at(-1) === REST;
  if (hasRest ? segments.length < wanted.length : segments.length !== wanted.length) return false;
  return wanted.every(
    (segment, i) => segment === REST || (segments[i] !== REST && (segment === ANY || segment === segments[i])),
  );
}
