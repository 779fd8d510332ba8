import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * The connections of a server. When there are too many, one goes that waits for its client: first those that have been idle for
 * longest (new ones, those between two requests, those whose headers are on their way), then those whose client sends its body
 * or takes its answer slowly. One that waits for the server stays.
 */
export class Connections {
  readonly #idle = new Set<Socket>();
  /** With the number of answers that are under way. */
  readonly #busy = new Map<Socket, number>();
  readonly #answers = new Set<ServerResponse>();
  /** Those that come over TLS and have not shaken hands, by where they come from. */
  readonly #handshakes = new Map<string, Socket>();
  readonly #isTls: boolean;
  readonly #max: number;
  #closing = false;

  /** @param max when there are more, those that have been idle for longest are dropped */
  constructor(server: Server, max: number) {
    this.#max = max;
    this.#isTls = 'setSecureContext' in server;
    server.on('connection', (socket: Socket) => this.#opened(socket));
    // What comes over TLS has a socket of its own once hands are shaken, in place of that for the cipher text.
    server.on('secureConnection', (socket: Socket) => this.#secured(socket));
    // One function for all answers, as there are so many.
    const answered = (response: ServerResponse): void => this.#answered(response);
    const onClose = function (this: ServerResponse): void {
      answered(this);
    };
    server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      this.#idle.delete(socket);
      this.#busy.set(socket, (this.#busy.get(socket) ?? 0) + 1);
      this.#answers.add(response);
      if (this.#closing) response.shouldKeepAlive = false;
      response.on('close', onClose);
    });
  }

  get size(): number {
    return this.#idle.size + this.#busy.size;
  }

  /** Whether HTTP can be spoken on a connection. */
  has(socket: Socket): boolean {
    return this.#busy.has(socket) || (this.#idle.has(socket) && this.#handshakes.get(peerOf(socket)) !== socket);
  }

  /** The answers that somebody waits for on a connection. */
  underWay(socket: Socket): readonly ServerResponse[] {
    return [...this.#answers].filter(({ req }) => req.socket === socket);
  }

  /** From now on each connection ends with the answers that are under way, and those end at once that wait for none. */
  finish(): void {
    this.#closing = true;
    for (const socket of this.#idle) socket.destroy();
    for (const response of this.#answers) response.shouldKeepAlive = false;
  }

  #secured(socket: Socket): void {
    const cipherText = this.#handshakes.get(peerOf(socket));
    if (cipherText !== undefined) this.#idle.delete(cipherText);
    this.#handshakes.delete(peerOf(socket));
    this.#add(socket);
  }

  #opened(socket: Socket): void {
    if (this.#isTls) {
      const peer = peerOf(socket);
      this.#handshakes.set(peer, socket);
      socket.once('close', () => {
        if (this.#handshakes.get(peer) === socket) this.#handshakes.delete(peer);
      });
    }
    this.#add(socket);
  }

  #add(socket: Socket): void {
    this.#idle.add(socket);
    socket.once('close', () => {
      this.#idle.delete(socket);
      this.#busy.delete(socket);
    });
    if (this.size <= this.#max) return;
    const [first] = this.#idle;
    const dropped = first === socket ? (this.#awaited() ?? socket) : first!;
    dropped.destroy();
    // It is closed in another turn of the event loop, and counts no more.
    this.#idle.delete(dropped);
    this.#busy.delete(dropped);
  }

  /** The connection on which a client has been awaited for longest: to send the rest of a body, or to take its answer. */
  #awaited(): Socket | undefined {
    for (const { req, writableEnded } of this.#answers) if (!req.complete || writableEnded) return req.socket;
    return undefined;
  }

  #answered(response: ServerResponse): void {
    this.#answers.delete(response);
    const { socket } = response.req;
    const left = (this.#busy.get(socket) ?? 0) - 1;
    if (left > 0) this.#busy.set(socket, left);
    // Not one that is closed already.
    else if (this.#busy.delete(socket) && !socket.destroyed) {
      if (this.#closing) socket.end();
      else this.#idle.add(socket);
    }
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
