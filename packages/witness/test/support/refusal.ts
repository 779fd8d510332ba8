import { WitnessError } from '../../src/error.ts';

/** The error that a promise is refused with. Anything but a WitnessError passes on. */
export async function refusal(promise: Promise<unknown>): Promise<WitnessError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof WitnessError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}
