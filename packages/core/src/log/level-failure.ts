/** What went wrong with a LevelDB, or with the files around it. */
export interface LevelFailure {
  readonly kind: 'locked' | 'corrupt' | 'io';
  /** The words of the innermost error, which say the most. */
  readonly detail: string;
}

/** Tells what kind of failure an error of `level` or of the file system is. */
export function levelFailure(cause: unknown): LevelFailure {
  const codes: string[] = [];
  const messages: string[] = [];
  for (let error = cause; error instanceof Error; error = error.cause) {
    codes.push(String((error as { code?: unknown }).code));
    messages.push(error.message);
  }
  const detail = messages.at(-1) ?? String(cause);
  if (codes.includes('LEVEL_LOCKED')) return { kind: 'locked', detail };
  return { kind: codes.includes('LEVEL_CORRUPTION') ? 'corrupt' : 'io', detail };
}
