/** How many may do something at once, in the order in which they came. */
import { PoolTimeoutError } from './connection-pool.ts';

export interface Slots {
  /** Rejects with PoolTimeoutError when none became free in time; otherwise it has to be given back. */
  take(): Promise<void>;
  /** True when there is one at once, which has to be given back then. */
  tryTake(): boolean;
  giveBack(): void;
  readonly waiting: number;
}

export function createSlots(count: number, patienceMs: number): Slots {
  const waiting: (() => void)[] = [];
  let free = count;

  const tryTake = (): boolean => {
    // Whoever waits gets what comes back, so that nobody waits while one is free.
    if (free === 0) return false;
    free -= 1;
    return true;
  };

  return {
    get waiting() {
      return waiting.length;
    },
    tryTake,
    take() {
      if (tryTake()) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const admit = (): void => {
          clearTimeout(timer);
          resolve();
        };
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(admit), 1);
          reject(new PoolTimeoutError(patienceMs));
        }, patienceMs);
        waiting.push(admit);
      });
    },
    giveBack() {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    },
  };
}
