import { toMicrosecond } from './microsecond.ts';

export type Counters = Readonly<Record<string, number>>;

export interface ContinuedCounters {
  next(raw: Counters): Counters;
  /** The source is known to begin anew; without it a restart shows only where a counter went back. */
  restart(): void;
}

/** Counters that start again at zero go on from where they were; what the last reading missed is lost. */
export function createContinuedCounters(): ContinuedCounters {
  const base: Record<string, number> = {};
  const lastRaw: Record<string, number> = {};
  const carry = (name: string): void => {
    base[name] = (base[name] ?? 0) + (lastRaw[name] ?? 0);
    lastRaw[name] = 0;
  };
  return {
    restart: () => {
      for (const name of Object.keys(lastRaw)) carry(name);
    },
    next: (raw) => {
      const result: Record<string, number> = {};
      for (const [name, value] of Object.entries(raw)) {
        if (value < (lastRaw[name] ?? 0)) carry(name);
        lastRaw[name] = value;
        result[name] = toMicrosecond((base[name] ?? 0) + value);
      }
      return result;
    },
  };
}
