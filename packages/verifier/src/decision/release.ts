import { Refusal } from '../refusal.ts';
import type { Trust } from '../trust/trust.ts';
import { type FoundStatement, type HashedBundle, openBundled, statementIn } from './statements.ts';

/** A build or a database. */
export type FoundRelease = FoundStatement & {
  readonly statement: FoundStatement['statement'] & {
    readonly payload: Extract<FoundStatement['statement']['payload'], { readonly type: 'build' | 'database' }>;
  };
};

/** The release of a bundle, signed by somebody whom the trust file has as a signer. */
export function openRelease(bundle: HashedBundle, trust: Trust, origin: string): FoundRelease {
  const bundled = statementIn(bundle, { leaf: bundle.release });
  if (bundled === undefined) {
    throw new Refusal(
      'bundle-unreadable',
      `the bundle says that its release is at leaf ${bundle.release}, and lacks that`,
    );
  }
  const found = openBundled(bundled, trust.signers, origin);
  const { payload } = found.statement;
  if (payload.type !== 'build' && payload.type !== 'database') {
    throw new Refusal('statement-type', `leaf ${found.leaf} is of the type ${payload.type}, and no release to install`);
  }
  return found as FoundRelease;
}
