import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

const SCHEMAS = join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'json');

const ajv = new Ajv2020({ strict: true, strictRequired: false, allErrors: true });
// Other schemas refer to these, so they come first.
const validators = new Map(
  ['statement', 'finding', 'conformance-answer'].map((name) => [name, ajv.compile(readSchema(name))]),
);

function readSchema(name: string): object {
  return JSON.parse(readFileSync(join(SCHEMAS, `${name}.schema.json`), 'utf8'));
}

function validatorOf(name: string): ValidateFunction {
  const known = validators.get(name);
  if (known !== undefined) return known;
  const validate = ajv.compile(readSchema(name));
  validators.set(name, validate);
  return validate;
}

/** The value of a line of JSON, if it fits the schema `docs/json/<name>.schema.json`; throws otherwise. */
export function parseAs(name: string, line: string): Record<string, unknown> {
  const validate = validatorOf(name);
  const value: Record<string, unknown> = JSON.parse(line);
  const isValid: boolean = validate(value);
  if (!isValid) throw new Error(`${line} is not ${name}: ${ajv.errorsText(validate.errors)}`);
  return value;
}

/** As {@link parseAs}, of each of several lines. */
export function parseLinesAs(name: string, lines: string): Record<string, unknown>[] {
  return lines
    .trimEnd()
    .split('\n')
    .map((line) => parseAs(name, line));
}
