import { setTimeout as sleep } from 'node:timers/promises';
import { EnvironmentError } from '../../model.ts';
import { monotonicMs } from '../../monotonic-clock.ts';

const pollMs = 250;

/**
 * Looks again and again until there is something to return.
 * Throws EnvironmentError saying what was waited for, with the last trouble, after `timeoutMs`.
 */
export async function until<T>(
  what: string,
  timeoutMs: number,
  signal: AbortSignal,
  look: () => Promise<T | null | undefined | false>,
): Promise<T> {
  const givenUpAtMs = monotonicMs() + timeoutMs;
  let trouble: unknown;
  for (;;) {
    signal.throwIfAborted();
    try {
      const found = await look();
      if (found !== null && found !== undefined && found !== false) return found;
      trouble = undefined;
    } catch (error) {
      signal.throwIfAborted();
      trouble = error;
    }
    if (monotonicMs() > givenUpAtMs)
      throw new EnvironmentError(`${what}: not within ${Math.round(timeoutMs / 1000)} s`, { cause: trouble });
    await sleep(pollMs, undefined, { signal });
  }
}
