import { connect, type Socket } from 'node:net';
import type { Env, Hono } from 'hono';
import { onTestFinished } from 'vitest';
import type { Limits } from '../../src/limits.ts';
import { type Listener, type ListenOptions, listen } from '../../src/listen.ts';
import { ServedLog, type ServedOptions } from './served-log.ts';

/** A log that listens, until the test is done. */
export async function listening(
  options: ServedOptions & { limits?: Partial<Limits>; tls?: ListenOptions['tls'] } = {},
): Promise<{ served: ServedLog; listener: Listener; port: number }> {
  const { limits, tls, ...rest } = options;
  const served = await ServedLog.create(rest);
  const listener = await listenTo(served.bare, { limits, tls, metrics: rest.metrics });
  return { served, listener, port: Number(new URL(listener.url).port) };
}

/** An application that listens, until the test is done. */
export async function listenTo<E extends Env>(app: Hono<E>, options: Partial<ListenOptions> = {}): Promise<Listener> {
  const listener = await listen(app, { host: '127.0.0.1', port: 0, ...options });
  onTestFinished(() => listener.close());
  return listener;
}

/** A connection with what came over it. */
export class RawClient {
  readonly socket: Socket;
  received = '';
  #closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1');
    });
    socket.on('close', () => {
      this.#closed = true;
    });
    socket.on('error', () => {});
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  static async open(port: number): Promise<RawClient> {
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    const client = new RawClient(socket);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return client;
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Resolves once the other side has closed the connection. */
  async closed(): Promise<string> {
    if (!this.#closed) await new Promise<void>((resolve) => this.socket.once('close', () => resolve()));
    return this.received;
  }

  /** Resolves once this came. */
  async until(text: string): Promise<string> {
    while (!this.received.includes(text)) {
      if (this.#closed) throw new Error(`closed after ${JSON.stringify(this.received)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return this.received;
  }
}

/** What a server answers to these bytes, when it closes the connection behind them. */
export async function answerTo(port: number, request: string): Promise<string> {
  const client = await RawClient.open(port);
  return client.send(request).closed();
}

/** The first line of an answer. */
export const statusLine = (answer: string): string => answer.slice(0, answer.indexOf('\r\n'));

export const wait = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));
