export { type Address, parseAddress } from './address.ts';
export { ServerError, type ServerErrorCode } from './error.ts';
export type { Limits } from './limits.ts';
export { type Listener, type ListenOptions, listen } from './listen.ts';
export { type AppendOptions, type LogApp, type LogAppOptions, logApp, type ServedLog } from './log-app.ts';
export { createLogger, LOG_LEVELS } from './logger.ts';
export { Metrics } from './metrics.ts';
export { type Publishing, publishesAll } from './publishing.ts';
export { addToken, listTokens, removeToken, TokenFile } from './tokens.ts';
