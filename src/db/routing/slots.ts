/** How many may do something at once, in the order in which they came. */
import { createAllowance } from './allowance.ts';
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
  const allowance = createAllowance({ concurrent: count, perSecond: Number.POSITIVE_INFINITY }, () => 0);
  return {
    get waiting() {
      return allowance.waiting;
    },
    async take() {
      if (await allowance.take(patienceMs)) return;
      throw new PoolTimeoutError(patienceMs);
    },
    tryTake: allowance.tryTake,
    giveBack: allowance.giveBack,
  };
}
