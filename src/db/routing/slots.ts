/** How many may do something at once, in the order in which they came. */
import { TimeoutError } from 'sequelize-pool';

export interface Slots {
  /** Rejects with sequelize-pool's TimeoutError when none became free in time; otherwise it has to be given back. */
  take(): Promise<void>;
  giveBack(): void;
  readonly waiting: number;
}

export function createSlots(count: number, patienceMs: number): Slots {
  const waiters: (() => void)[] = [];
  let free = count;
  return {
    get waiting() {
      return waiters.length;
    },
    take() {
      if (free > 0) {
        free -= 1;
        return Promise.resolve();
      }
      return new Promise((resolve, reject) => {
        const admit = (): void => {
          clearTimeout(timer);
          resolve();
        };
        const timer = setTimeout(() => {
          waiters.splice(waiters.indexOf(admit), 1);
          reject(new TimeoutError(`no connection became free within ${patienceMs} ms`));
        }, patienceMs);
        waiters.push(admit);
      });
    },
    giveBack() {
      const next = waiters.shift();
      if (next === undefined) free += 1;
      else next();
    },
  };
}
