import { setTimeout as delay } from 'node:timers/promises';

/**
 * Asks again every `everyMs` until `condition` gives a value that is neither false, null nor undefined, and
 * returns that value. A condition that throws counts as not yet.
 * @throws Error with `what` and the last failure after `deadlineMs`
 */
export async function until<Value>(
  what: string,
  condition: () => Promise<Value | false | null | undefined>,
  { deadlineMs = 120_000, everyMs = 500 } = {},
): Promise<Value> {
  const deadline = performance.now() + deadlineMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== false && value !== null && value !== undefined) return value;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) throw new Error(`waited ${deadlineMs} ms for ${what}`, { cause });
    await delay(everyMs);
  }
}
