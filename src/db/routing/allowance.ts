/** How many reads the primary takes over from replicas: so many at once, and so many a second. */

export interface AllowanceLimits {
  /** Reads at once. */
  readonly concurrent: number;
  /** Reads a second, on average; Infinity = no limit. */
  readonly perSecond: number;
}

export interface Allowance {
  /** Resolves to true when the caller may read, and then has to `giveBack`; to false when `patienceMs` are over. */
  take(patienceMs: number): Promise<boolean>;
  giveBack(): void;
  readonly inUse: number;
  readonly waiting: number;
  readonly limits: AllowanceLimits;
  /** The most that were in use at once since this was last asked. */
  takeMost(): number;
}

interface Waiter {
  readonly admit: () => void;
}

/**
 * A concurrency cap and a token bucket. The cap holds the primary's queue short when its answers become slow, the
 * bucket holds its CPU when they stay fast. The bucket is as deep as the cap is wide: no burst beyond it.
 * `clock` is monotonic, in milliseconds.
 */
export function createAllowance(limits: AllowanceLimits, clock: () => number): Allowance {
  const waiters: Waiter[] = [];
  let inUse = 0;
  let most = 0;
  let tokens = limits.concurrent;
  let filledMs = clock();
  let timer: NodeJS.Timeout | undefined;

  const fill = (): void => {
    // Nothing is held back where there is no rate; 0 ms of it would be no number.
    if (limits.perSecond === Number.POSITIVE_INFINITY) {
      tokens = limits.concurrent;
      return;
    }
    const now = clock();
    tokens = Math.min(limits.concurrent, tokens + ((now - filledMs) * limits.perSecond) / 1_000);
    filledMs = now;
  };

  const admitted = (): boolean => {
    fill();
    if (inUse >= limits.concurrent || tokens < 1) return false;
    inUse += 1;
    most = Math.max(most, inUse);
    tokens -= 1;
    return true;
  };

  const serve = (): void => {
    while (waiters.length > 0 && admitted()) waiters.shift()?.admit();
    clearTimeout(timer);
    timer = undefined;
    if (waiters.length === 0 || inUse >= limits.concurrent) return;
    // Only a token is missing, and nobody will give one back.
    timer = setTimeout(serve, Math.max(1, ((1 - tokens) * 1_000) / limits.perSecond));
  };

  return {
    limits,
    takeMost() {
      const taken = most;
      most = inUse;
      return taken;
    },
    get inUse() {
      return inUse;
    },
    get waiting() {
      return waiters.length;
    },
    take(patienceMs) {
      if (waiters.length === 0 && admitted()) return Promise.resolve(true);
      if (patienceMs <= 0) return Promise.resolve(false);
      return new Promise((resolve) => {
        const waiter: Waiter = {
          admit: () => {
            clearTimeout(deadline);
            resolve(true);
          },
        };
        const deadline = setTimeout(() => {
          waiters.splice(waiters.indexOf(waiter), 1);
          resolve(false);
        }, patienceMs);
        waiters.push(waiter);
        serve();
      });
    },
    giveBack() {
      inUse -= 1;
      serve();
    },
  };
}
