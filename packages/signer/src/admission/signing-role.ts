import type { Role, StatementType } from '../statement/payload.ts';

const ROLES: Readonly<Record<StatementType, Role | 'log'>> = {
  source: 'vendor',
  build: 'vendor',
  database: 'vendor',
  withdrawal: 'vendor',
  handling: 'vendor',
  review: 'reviewer',
  admission: 'log',
};

/** Who signs statements of a type: a key that the log has admitted in this role, or the log's own. */
export function signingRole(type: StatementType): Role | 'log' {
  return ROLES[type];
}
