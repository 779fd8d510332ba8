/** What one client may take of a server. Times are in milliseconds. */
export interface Limits {
  /** From the first byte of a connection, or of the next request on it, to the end of the headers. */
  readonly headersTimeout: number;
  /** To the end of the body. */
  readonly requestTimeout: number;
  /** Between two requests on one connection. */
  readonly keepAliveTimeout: number;
  /** Without any byte in either direction: longer than the longest wait for an answer. */
  readonly idleTimeout: number;
  /** How long requests that were taken may go on when the server closes. */
  readonly closeTimeout: number;
  /** Bytes of all headers of one request. */
  readonly maxHeaderSize: number;
  readonly maxHeadersCount: number;
  /** Connections at one time: when there are more, those that have been idle for longest are dropped. */
  readonly maxConnections: number;
}

const DEFAULT_LIMITS: Limits = {
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  // Longer than the minute for which proxies usually keep theirs.
  keepAliveTimeout: 65_000,
  idleTimeout: 120_000,
  closeTimeout: 30_000,
  maxHeaderSize: 16_384,
  maxHeadersCount: 64,
  maxConnections: 4096,
};

/** The usual limits, but for those that are given. */
export function withDefaults(limits: Partial<Limits> = {}): Limits {
  return { ...DEFAULT_LIMITS, ...limits };
}
