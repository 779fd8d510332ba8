export type { Limits } from './limits.ts';
export { type App, type Listener, type ListenOptions, listen } from './listen.ts';
export { type Publishing, publishesAll } from './publishing.ts';
