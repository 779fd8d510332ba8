/** Why a server refused a request, or could not be started. Codes are stable and documented; messages may change. */
export type ServerErrorCode =
  | 'address-malformed'
  | 'address-unavailable'
  | 'checkpoint-missing'
  | 'checkpoint-unwitnessed'
  | 'entry-missing'
  | 'http-encoding'
  | 'http-malformed'
  | 'http-method'
  | 'http-not-found'
  | 'http-too-large'
  | 'log-busy'
  | 'manifest-missing'
  | 'tls-malformed'
  | 'token-exists'
  | 'token-missing'
  | 'token-unknown'
  | 'tokens-malformed'
  | 'witness-timeout';

/** The one error class of this package. */
export class ServerError extends Error {
  override readonly name: string = 'ServerError';
  readonly code: ServerErrorCode;
  /** What an answer says besides. */
  readonly extra: Readonly<Record<string, number | readonly number[]>>;

  constructor(
    code: ServerErrorCode,
    message: string,
    { cause, extra = {} }: { cause?: unknown; extra?: Readonly<Record<string, number | readonly number[]>> } = {},
  ) {
    super(message, { cause });
    this.code = code;
    this.extra = extra;
  }
}
