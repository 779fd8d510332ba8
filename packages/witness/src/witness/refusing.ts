import { CoreError } from '@vitrine/core';
import { WitnessError, type WitnessErrorCode } from '../error.ts';

/** What `act` returns. What core refuses is refused with `code`, and core's refusal is the cause. */
export function refusing<T>(code: WitnessErrorCode, act: () => T): T {
  try {
    return act();
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    throw new WitnessError(code, cause.message, { cause });
  }
}
