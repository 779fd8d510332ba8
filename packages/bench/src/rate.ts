// Long enough for the compiler to have done its work, and short enough to wait for.
const WARM_UP = 1000;
const DURATION = 4000;

/** How often a second `act` runs, after a warm-up. */
export function perSecond(act: () => void): number {
  for (const start = performance.now(); performance.now() - start < WARM_UP; ) act();
  const start = performance.now();
  let count = 0;
  let now = start;
  while (now - start < DURATION) {
    act();
    count++;
    now = performance.now();
  }
  return (1000 * count) / (now - start);
}

/** The middle one of some measurements. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
