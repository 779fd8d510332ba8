import { ServerError } from './error.ts';

/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

const ADDRESS = /^(?:(?:\[([0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?)\]|([A-Za-z0-9._-]*)):)?([0-9]{1,5})$/;
const MAX_PORT = 65_535;

/**
 * Reads where to listen: `8080` and `127.0.0.1:8080` on this machine only, `:8080` on all of its addresses, `[::1]:8080`,
 * `name:8080`. Port 0 is any that is free.
 *
 * @throws ServerError `address-malformed`
 */
export function parseAddress(text: string): Address {
  const [matched, ipv6, name, digits] = ADDRESS.exec(text) ?? [];
  const port = Number(digits);
  if (matched === undefined || port > MAX_PORT || (digits!.length > 1 && digits!.startsWith('0'))) {
    throw new ServerError(
      'address-malformed',
      `"${text}" is no address: write for example 8080, :8080, 127.0.0.1:8080 or [::1]:8080`,
    );
  }
  // Nothing that was not asked for is shown to the network.
  if (ipv6 === undefined && name === undefined) return { host: '127.0.0.1', port };
  return { host: ipv6 ?? (name || '::'), port };
}
