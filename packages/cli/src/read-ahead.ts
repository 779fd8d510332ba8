/**
 * What `read` gives for each item, in their order, while it is called for some of the next ones: each call may wait for a server.
 * Whoever stops early waits for the calls that are under way.
 *
 * @param atOnce calls under way at a time, at least one
 */
export async function* readAhead<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  atOnce: number,
  read: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const underWay: Promise<R>[] = [];
  try {
    for await (const item of items) {
      if (underWay.length >= atOnce) yield await underWay.shift()!;
      const reading = read(item);
      // Whoever comes to it hears of it.
      reading.catch(() => {});
      underWay.push(reading);
    }
    while (underWay.length > 0) yield await underWay.shift()!;
  } finally {
    await Promise.allSettled(underWay);
  }
}
