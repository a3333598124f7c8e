/** Something with a deadline: the links belong to {@link createDeadlines}. */
export interface Deadline {
  startedMs: number;
  older: Deadline | null;
  newer: Deadline | null;
}

export interface Deadlines<T extends Deadline> {
  add(item: T): void;
  remove(item: T): void;
  clear(): void;
}

/**
 * Deadlines that all lie equally far ahead, so that the oldest is always the next one: a linked list and
 * one timer, instead of a timer per request. Items must be added in the order of `startedMs`.
 */
export function createDeadlines<T extends Deadline>(options: {
  readonly timeoutMs: number;
  readonly clock: () => number;
  /** Called for each expired item, which has left the list already. */
  readonly onExpired: (item: T, nowMs: number) => void;
}): Deadlines<T> {
  const { timeoutMs, clock, onExpired } = options;
  let oldest: Deadline | null = null;
  let newest: Deadline | null = null;
  let timer: NodeJS.Timeout | null = null;

  const remove = (item: Deadline): void => {
    if (item.older === null && item !== oldest) return;
    if (item.older === null) oldest = item.newer;
    else item.older.newer = item.newer;
    if (item.newer === null) newest = item.older;
    else item.newer.older = item.older;
    item.older = null;
    item.newer = null;
  };

  // The timer is left alone while items come and go: it wakes once per timeout and looks at the oldest.
  const check = (): void => {
    const nowMs = clock();
    while (oldest !== null && oldest.startedMs + timeoutMs <= nowMs) {
      const expired = oldest;
      remove(expired);
      onExpired(expired as T, nowMs);
    }
    // Only now: an item that `onExpired` adds must not arm the timer for itself, the newest.
    timer = null;
    if (oldest !== null) arm(oldest.startedMs + timeoutMs - nowMs);
  };
  const arm = (ms: number): void => {
    timer = setTimeout(check, Math.max(1, Math.ceil(ms)));
  };

  return {
    add(item) {
      item.older = newest;
      item.newer = null;
      if (newest === null) oldest = item;
      else newest.newer = item;
      newest = item;
      if (timer === null) arm(timeoutMs);
    },
    remove,
    clear() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      oldest = null;
      newest = null;
    },
  };
}
