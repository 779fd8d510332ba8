import { vi } from 'vitest';

/** Looks again and again until a check holds, for as long as a busy machine can take. */
export function eventually(check: () => void | Promise<void>): Promise<void> {
  return vi.waitFor(check, { timeout: 120_000, interval: 20 });
}
