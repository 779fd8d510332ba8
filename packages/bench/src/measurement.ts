/** What one case measured, by name: plain numbers, in the units that their names say. */
export type Measurement = Readonly<Record<string, number>>;

/** A case of the benchmark: gets a number of entries and measures something with them. */
export type Case = (count: number) => Promise<Measurement>;

/** Runs `act` and gives its duration in seconds. */
export async function seconds(act: () => Promise<void> | void): Promise<number> {
  const start = performance.now();
  await act();
  return (performance.now() - start) / 1000;
}
