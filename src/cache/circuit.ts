/**
 * A circuit breaker (Nygard, "Release It!"): after some failures in a row nobody is made to wait for the
 * next one. One attempt in every `restMs` finds out whether things are well again.
 */
export interface Circuit {
  /** Whether to try now; when open, true for one caller in every `restMs`. */
  allows(): boolean;
  succeeded(): void;
  failed(): void;
  readonly open: boolean;
}

export interface CircuitOptions {
  /** Failures in a row that open it. */
  readonly failures: number;
  readonly restMs: number;
  /** Any monotonic milliseconds. */
  readonly clock: () => number;
}

export function createCircuit({ failures, restMs, clock }: CircuitOptions): Circuit {
  let inARow = 0;
  let nextAttemptAtMs = 0;
  return {
    get open() {
      return inARow >= failures;
    },
    allows() {
      if (inARow < failures) return true;
      const now = clock();
      if (now < nextAttemptAtMs) return false;
      nextAttemptAtMs = now + restMs;
      return true;
    },
    succeeded() {
      inARow = 0;
    },
    failed() {
      inARow += 1;
      if (inARow >= failures) nextAttemptAtMs = clock() + restMs;
    },
  };
}
