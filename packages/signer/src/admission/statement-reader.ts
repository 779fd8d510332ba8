import { formatBase64 } from '@vitrine/core';
import type { LogView } from '@vitrine/core/log';
import { SignerError } from '../error.ts';
import { parseStatement } from '../statement/parse-statement.ts';
import type { Statement } from '../statement/statement.ts';

// What statements refer to are the same few: the admissions of the keys that sign, the newest releases. A statement takes up
// to some 100 kB once it is parsed, most of them far less.
const MAX_KEPT = 256;

/** A statement and where it is. */
export interface LoggedStatement {
  readonly index: number;
  readonly leafHash: Uint8Array;
  readonly statement: Statement;
}

/**
 * Reads statements that logs have, and keeps those that it read last: by their leaf hashes, so that it can serve any
 * number of logs, and entries that are refused after others were judged by them.
 */
export class StatementReader {
  readonly #kept = new Map<string, Statement>();

  /**
   * The statement at a leaf.
   *
   * @throws SignerError `statement-malformed`, `statement-newer` if the entry is none; CoreError `log-range`
   */
  async at(log: LogView, index: number): Promise<LoggedStatement> {
    const leafHash = await log.leafHash(index);
    const name = formatBase64(leafHash);
    const statement = this.#kept.get(name) ?? parseStatement(await log.entry(index));
    this.#kept.delete(name);
    if (this.#kept.size >= MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
    this.#kept.set(name, statement);
    return { index, leafHash, statement };
  }

  /**
   * The statement with this leaf hash, or undefined if the log has no such leaf, or no statement there.
   *
   * @throws CoreError `log-corrupt`
   */
  async of(log: LogView, leafHash: Uint8Array): Promise<LoggedStatement | undefined> {
    const index = await log.indexOf(leafHash);
    if (index === undefined) return undefined;
    try {
      return await this.at(log, index);
    } catch (error) {
      if (error instanceof SignerError) return undefined;
      throw error;
    }
  }
}
