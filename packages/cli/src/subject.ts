import { type Payload, SignerError, type Statement, type StatementType } from '@vitrine/signer';
import type { Context } from './context.ts';
import { noteWithdrawn, resolveStatement } from './leaf-reference.ts';
import type { LogOption } from './log-option.ts';

/** What is a release, and can be reviewed and withdrawn. */
export const RELEASE_TYPES = ['source', 'build', 'database'] as const;

/** A statement that another one, or a proof, speaks of. */
export interface Subject<P extends Payload = Payload> {
  readonly leafHash: Uint8Array;
  /** Its exact bytes. */
  readonly entry: Uint8Array;
  /** Its signature was not checked. */
  readonly statement: Statement<P>;
}

type PayloadOf<T extends StatementType> = Extract<Payload, { readonly type: T }>;

/**
 * The statement that a `<leaf>` on the command line names, if it is of one of these types.
 *
 * @param audience refuses a statement that is meant for another log than this
 * @throws SignerError `admission-subject` for a statement of another type, `admission-audience`; what `resolveStatement`
 * throws
 */
export async function resolveSubject<T extends StatementType>(
  context: Context,
  reference: string,
  options: LogOption & { readonly json?: boolean },
  { types, audience }: { readonly types: readonly T[]; readonly audience?: string },
): Promise<Subject<PayloadOf<T>>> {
  const resolved = await resolveStatement(context, reference, options);
  const { leafHash, entry, statement } = resolved;
  const { type } = statement.payload;
  if (!types.includes(type as T)) {
    throw new SignerError(
      'admission-subject',
      `${reference} is of the type ${type}, and what is needed is of the type ${types.join(', ')}`,
    );
  }
  if (audience !== undefined && statement.audience !== audience) {
    throw new SignerError(
      'admission-audience',
      `${reference} is a statement for the log ${statement.audience}, and this is about ${audience}`,
    );
  }
  noteWithdrawn(context, reference, resolved, options);
  return { leafHash, entry, statement: statement as Statement<PayloadOf<T>> };
}
