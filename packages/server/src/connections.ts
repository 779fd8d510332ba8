import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * The connections of a server, those in front that have been idle for longest. Idle is one of which nobody waits for an
 * answer: a new one, one between two requests, one whose headers are on their way.
 */
export class Connections {
  readonly #idle = new Set<Socket>();
  readonly #busy = new Map<Socket, Set<ServerResponse>>();
  readonly #max: number;
  #closing = false;

  /** @param max when there are more, those that have been idle for longest are dropped */
  constructor(server: Server, max: number) {
    this.#max = max;
    // What comes over TLS has a socket for the cipher text too, which is of no interest once there is this one.
    const event = 'setSecureContext' in server ? 'secureConnection' : 'connection';
    server.on(event, (socket: Socket) => this.#opened(socket));
    server.prependListener('request', (request, response) => this.#asked(request, response));
  }

  get size(): number {
    return this.#idle.size + this.#busy.size;
  }

  /** The answers that somebody waits for on a connection. */
  underWay(socket: Socket): readonly ServerResponse[] {
    return [...(this.#busy.get(socket) ?? [])];
  }

  /** From now on each connection ends with the answers that are under way, and those end at once that wait for none. */
  finish(): void {
    this.#closing = true;
    for (const socket of this.#idle) socket.destroy();
    for (const responses of this.#busy.values()) for (const response of responses) response.shouldKeepAlive = false;
  }

  #opened(socket: Socket): void {
    this.#idle.add(socket);
    socket.once('close', () => {
      this.#idle.delete(socket);
      this.#busy.delete(socket);
    });
    if (this.size <= this.#max) return;
    const [oldest = socket] = this.#idle;
    oldest.destroy();
    // It is closed in another turn of the event loop, and counts no more.
    this.#idle.delete(oldest);
  }

  #asked({ socket }: IncomingMessage, response: ServerResponse): void {
    this.#idle.delete(socket);
    const responses = this.#busy.get(socket);
    if (responses === undefined) this.#busy.set(socket, new Set([response]));
    else responses.add(response);
    if (this.#closing) response.shouldKeepAlive = false;
    response.once('close', () => this.#answered(socket, response));
  }

  #answered(socket: Socket, response: ServerResponse): void {
    const responses = this.#busy.get(socket);
    responses?.delete(response);
    if (responses === undefined || responses.size > 0) return;
    this.#busy.delete(socket);
    if (socket.destroyed) return;
    if (this.#closing) socket.end();
    else this.#idle.add(socket);
  }
}
