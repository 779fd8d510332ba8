import { parseDecimal } from '@vitrine/core';
import { ServerError } from './error.ts';

/**
 * The parameters of a query. Whoever mistypes one is told so, because the request would mean something else without it.
 *
 * @throws ServerError `http-malformed` for one that is not among `names`, or there twice
 */
export function queryOf(
  request: { queries(): Record<string, string[]> },
  names: readonly string[],
): Readonly<Record<string, string | undefined>> {
  const found: Record<string, string> = {};
  for (const [name, values] of Object.entries(request.queries())) {
    if (!names.includes(name)) {
      const known = names.length === 0 ? 'takes no parameters' : `knows the parameters ${names.join(', ')}`;
      throw new ServerError('http-malformed', `this path ${known}, and not "${name.slice(0, 40)}"`);
    }
    if (values.length > 1) throw new ServerError('http-malformed', `the parameter ${name} is there twice`);
    found[name] = values[0]!;
  }
  return found;
}

/** A number of a query; undefined if it is not there. @throws CoreError `number-malformed` */
export function decimalOf(text: string | undefined, name: string): number | undefined {
  return text === undefined ? undefined : parseDecimal(text, name);
}

const HASH = /^[0-9a-f]{64}$/;

/** A hash in a path or a query. @throws ServerError `http-malformed` */
export function hashOf(hex: string, what: string): Uint8Array {
  if (!HASH.test(hex)) throw new ServerError('http-malformed', `${what} is 64 hexadecimal digits in lower case`);
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}
