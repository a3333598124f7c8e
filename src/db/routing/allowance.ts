/** How many reads the primary takes over from replicas: so many at once, so many a second, and what it can bear. */

export interface AllowanceLimits {
  /** Reads at once. */
  readonly concurrent: number;
  /** Reads a second, on average; Infinity = no limit. */
  readonly perSecond: number;
}

export interface Allowance {
  /** Whether the caller may read at once; then it has to `giveBack`. */
  tryTake(): boolean;
  /** Resolves to true when the caller may read, and then has to `giveBack`; to false when `patienceMs` are over. */
  take(patienceMs: number): Promise<boolean>;
  giveBack(): void;
  readonly inUse: number;
  readonly waiting: number;
  readonly limits: AllowanceLimits;
  /** Reads at once on average, as the pace has it now. */
  readonly average: number;
  /** The most that were in use at once since this was last asked. */
  takeMost(): number;
}

/** A limit that follows what is measured. */
export interface Pace {
  /** Reads at once, on average over time: 0.25 = the primary is busy with them a quarter of the time. */
  average(): number;
  /** Somebody wants to read; `isHeld`: and has to wait because of the pace. */
  asked(isHeld: boolean): void;
}

/** Of one read, beyond the pace: some short ones now and then never wait for it. */
const burstMs = 30;
/** Reads beyond the pace keep others waiting for so long at most: one that hung says little of the next. */
const mostDebtMs = 10_000;

interface Waiter {
  readonly admit: () => void;
}

/**
 * A concurrency cap, a token bucket and a pace. The cap holds the primary's queue short when its answers become slow,
 * the bucket holds its CPU when they stay fast, the pace is for what neither can know beforehand. The bucket is as deep
 * as the cap is wide: no burst beyond it. `clock` is monotonic, in milliseconds.
 */
export function createAllowance(limits: AllowanceLimits, clock: () => number, pace?: Pace): Allowance {
  const waiters: Waiter[] = [];
  let inUse = 0;
  let most = 0;
  let tokens = limits.concurrent;
  let filledMs = clock();
  /** Of reading beyond the pace, in milliseconds of one read. */
  let debtMs = 0;
  let timer: NodeJS.Timeout | undefined;

  const fill = (): void => {
    const now = clock();
    const sinceMs = now - filledMs;
    filledMs = now;
    // Nothing is held back where there is no rate; 0 ms of it would be no number.
    tokens =
      limits.perSecond === Number.POSITIVE_INFINITY
        ? limits.concurrent
        : Math.min(limits.concurrent, tokens + (sinceMs * limits.perSecond) / 1_000);
    if (pace === undefined) return;
    const average = pace.average();
    debtMs += sinceMs * (inUse - average);
    debtMs = Math.max(0, Math.min(debtMs, burstMs + mostDebtMs * average));
  };

  const admitted = (): boolean => {
    fill();
    const isHeld =
      pace !== undefined && (debtMs > burstMs || inUse >= Math.max(1, Math.ceil(pace.average())));
    pace?.asked(isHeld);
    if (isHeld || inUse >= limits.concurrent || tokens < 1) return false;
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
    // Only time is missing, and nobody need give anything back.
    const tokenMs = tokens < 1 ? ((1 - tokens) * 1_000) / limits.perSecond : 0;
    const room = pace === undefined ? 1 : pace.average() - inUse;
    const paidMs = Math.max(0, debtMs - burstMs) / room;
    // Looked at again before long: the pace may have risen.
    if (room > 0) timer = setTimeout(serve, Math.min(250, Math.max(1, tokenMs, paidMs)));
  };

  const tryTake = (): boolean => waiters.length === 0 && admitted();

  return {
    limits,
    tryTake,
    get average() {
      return pace?.average() ?? limits.concurrent;
    },
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
      if (tryTake()) return Promise.resolve(true);
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
          if (waiters.length === 0) clearTimeout(timer);
          resolve(false);
        }, patienceMs);
        waiters.push(waiter);
        serve();
      });
    },
    giveBack() {
      fill();
      inUse -= 1;
      serve();
    },
  };
}
