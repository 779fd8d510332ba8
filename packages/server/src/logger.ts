import { destination, type Logger, pino } from 'pino';

/** A logger that writes lines of JSON to standard error. */
export function createLogger(level: string): Logger {
  return pino(
    { level, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` },
    destination({ fd: 2, sync: true }),
  );
}
