import { ServerError } from './error.ts';

/** A body that is being read. */
export interface UnfinishedBody {
  /** Bytes that were taken for it. */
  readonly size: number;
  /** Ends reading it. What was taken for it is given back already. */
  drop(reason: ServerError): void;
}

/**
 * The memory for all bodies that are being read, or wait for what is done with them. When there is no room for more, those go
 * that have been unfinished for longest, so that whoever sends slowly keeps nobody out.
 */
export class BodyBudget {
  readonly #max: number;
  /** In the order in which their first bytes came. */
  readonly #unfinished = new Set<UnfinishedBody>();
  #bytes = 0;

  /** @param max bytes */
  constructor(max: number) {
    this.#max = max;
  }

  /** Bytes that are taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Takes bytes for a body that is not finished.
   *
   * @throws ServerError `log-busy` if there is no room, and none has been unfinished for longer: nothing was taken then
   */
  take(bytes: number, body: UnfinishedBody): void {
    this.#unfinished.add(body);
    while (this.#bytes + bytes > this.#max) {
      const [oldest] = this.#unfinished;
      if (oldest === undefined || oldest === body) throw busy();
      this.#unfinished.delete(oldest);
      this.#bytes -= oldest.size;
      oldest.drop(busy());
    }
    this.#bytes += bytes;
  }

  /** All of a body has come: it stays until its bytes are given back. */
  finish(body: UnfinishedBody): void {
    this.#unfinished.delete(body);
  }

  /** Gives back what was taken. */
  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

function busy(): ServerError {
  return new ServerError('log-busy', 'too much is sent to this server at once: try again in a second');
}
