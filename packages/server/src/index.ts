/** What an application is made with. */
export type { Env, Hono } from 'hono';
export { type Address, parseAddress } from './address.ts';
export { ServerError, type ServerErrorCode } from './error.ts';
export { ExportedLog, exportedApp } from './exported-app.ts';
export type { Limits } from './limits.ts';
export { type Listener, type ListenOptions, listen } from './listen.ts';
export { type AppendOptions, type LogApp, type LogAppOptions, logApp, type ServedLog } from './log-app.ts';
export { createLogger } from './logger.ts';
export { Metrics } from './metrics.ts';
export { type Publishing, publishesWitnessed } from './publishing.ts';
export { streamHead } from './release-bundle.ts';
export { addToken, listTokens, removeToken, TokenFile } from './tokens.ts';
