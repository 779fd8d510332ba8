import { join } from 'node:path';
import { PythonEnvironment } from './python.ts';

// The Debian packages have no CDDL validator and npm has none that reads CBOR: these are from PyPI.
const PACKAGES = ['cddl-verifier==1.5.3', 'pycddl==0.6.4'];

/** What each validator says of a value. */
export interface CddlVerdict {
  readonly 'cddl-verifier': boolean;
  readonly pycddl: boolean;
}

/** CBOR that a rule of a schema is to describe. */
export type CddlCheck = readonly [rule: string, bytes: Uint8Array];

/** Two independent CDDL validators, installed for the time of a test. */
export class CddlValidators implements Disposable {
  readonly #python: PythonEnvironment = new PythonEnvironment(PACKAGES);
  readonly #schema: string;

  /** @param schema the path of the CDDL file */
  constructor(schema: string) {
    this.#schema = schema;
  }

  /** A verdict for each check, in their order. */
  check(checks: readonly CddlCheck[]): CddlVerdict[] {
    const lines = checks.map(([rule, bytes]) => ({ rule, hex: Buffer.from(bytes).toString('hex') }));
    const verdicts = this.#python.run(join(import.meta.dirname, 'check-cddl.py'), [this.#schema], lines);
    if (verdicts.length !== checks.length) throw new Error(`${verdicts.length} verdicts on ${checks.length} values`);
    return verdicts as CddlVerdict[];
  }

  [Symbol.dispose](): void {
    this.#python[Symbol.dispose]();
  }
}
