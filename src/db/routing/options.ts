/** What can be asked of the router, and what it does unasked. */
import type { ReadClass } from './pick.ts';

export interface RoutingPolicy {
  /** Weight of the primary beside replicas of weight 1, for reads; 0 = it serves reads in an emergency only. */
  readonly includePrimary: number;
  /** Classes of reads by name; a read that names none is `default`. */
  readonly classes: Readonly<Record<string, ReadClass>>;
  /** What the primary takes over when no replica may serve. */
  readonly fallback: {
    /** Reads at once. */
    readonly concurrent: number;
    readonly perSecond: number;
    /** Fewer reads are taken over than would make the P95 of writes so many times what it is; Infinity = never mind. */
    readonly writeSlowdown: number;
  };
  /** How often each node is asked where it is, in milliseconds. */
  readonly probeIntervalMs: number;
  /** A node of which nothing is heard for so long is given up. */
  readonly silenceMs: number;
  /** Longest wait of a write for a primary while none is known. */
  readonly primaryWaitMs: number;
  /** Functions of the application that write, so that a SELECT of them goes to the primary. */
  readonly writingFunctions: readonly string[];
}

export interface PolicyOptions extends Partial<Omit<RoutingPolicy, 'classes' | 'fallback'>> {
  readonly classes?: Readonly<Record<string, Partial<ReadClass>>>;
  readonly fallback?: Partial<RoutingPolicy['fallback']>;
}

/** A replica that far behind has a problem; below that, lag is what replicas have. */
const defaultClass: ReadClass = {
  maxLagMs: 10_000,
  maxLagBytes: 256 * 1024 * 1024,
  waitMs: 100,
  // Replicas that lag say little while the primary is away, and old answers are better than none.
  otherwise: 'stale',
};

/** Fills in defaults. Throws RangeError naming the option and the value. */
export function policyOf(options: PolicyOptions = {}): RoutingPolicy {
  const { classes = {}, fallback = {}, ...rest } = options;
  const base = { ...defaultClass, ...classes['default'] };
  const all = Object.fromEntries(
    Object.entries(classes).map(([name, given]) => [name, { ...base, ...given }]),
  );
  const complete = { ...all, default: base };
  const tightest = Math.min(...Object.values(complete).map(({ maxLagMs }) => maxLagMs));
  const policy: RoutingPolicy = {
    includePrimary: 0,
    // A bound can only be kept if positions are known at least twice as often; who owes answers is asked at once.
    probeIntervalMs: Math.max(10, Math.min(2_000, tightest / 2)),
    silenceMs: 1_000,
    primaryWaitMs: 5_000,
    writingFunctions: [],
    ...rest,
    classes: complete,
    fallback: { concurrent: 4, perSecond: 1_000, writeSlowdown: 1.5, ...fallback },
  };
  check(policy);
  return policy;
}

function check(policy: RoutingPolicy): void {
  const numbers: readonly (readonly [string, number, number])[] = [
    // Before the interval, which is made of them.
    ...Object.entries(policy.classes).flatMap(([name, { maxLagMs, maxLagBytes, waitMs }]) => [
      [`classes.${name}.maxLagMs`, maxLagMs, 0] as const,
      [`classes.${name}.maxLagBytes`, maxLagBytes, 0] as const,
      [`classes.${name}.waitMs`, waitMs, 0] as const,
    ]),
    ['includePrimary', policy.includePrimary, 0],
    ['probeIntervalMs', policy.probeIntervalMs, 1],
    ['silenceMs', policy.silenceMs, 1],
    ['primaryWaitMs', policy.primaryWaitMs, 0],
    ['fallback.concurrent', policy.fallback.concurrent, 1],
    ['fallback.perSecond', policy.fallback.perSecond, 1],
    ['fallback.writeSlowdown', policy.fallback.writeSlowdown, 1],
  ];
  // Shares of it would be none.
  if (policy.includePrimary === Number.POSITIVE_INFINITY)
    throw new RangeError('includePrimary is Infinity: it must be a finite weight');
  for (const [name, value, least] of numbers) {
    if (!(value >= least)) throw new RangeError(`${name} is ${value}: it must be at least ${least}`);
  }
}
