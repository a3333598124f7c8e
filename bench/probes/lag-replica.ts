import { setTimeout as delay } from 'node:timers/promises';
import { EnvironmentError, type NodeAddress, type Reading } from '../model.ts';
import { monotonicMs } from '../monotonic-clock.ts';
import type { LagRing, PrimarySample, ReplicaSample } from './lag-ring.ts';
import { parseLsn } from './lsn.ts';
import { toMicrosecond } from './microsecond.ts';
import { NodeConnection, type NodeConnectionOptions, type Statement } from './node-connection.ts';

// Whoever may not see the status (no pg_read_all_stats) still sees the row.
const positionAndStream: Statement = {
  name: 'position_and_stream',
  text: `SELECT pg_last_wal_replay_lsn(), (SELECT coalesce(status, 'streaming') FROM pg_stat_wal_receiver)`,
};

const position: Statement = { name: 'position', text: 'SELECT pg_last_wal_replay_lsn()' };

/** Keeps the bounds of a long lag close without asking a busy node all the time. */
const longestPauseMs = 32;

interface Answer extends ReplicaSample {
  /** Null in an answer that was not asked for it, and while there is no walreceiver. */
  readonly stream: string | null;
}

/** Follows one replica: where it was before the primary was asked, and how soon it got there. */
export class LagReplica implements AsyncDisposable {
  readonly #connection: NodeConnection;
  readonly #ring: LagRing;
  readonly #clock: () => number;
  #begun: Promise<Answer> | undefined;
  /** Last position known; a replica that was restarted may be behind it. */
  #knownLsn: number | undefined;

  constructor(address: NodeAddress, ring: LagRing, options: NodeConnectionOptions) {
    this.#connection = new NodeConnection(address, options);
    this.#ring = ring;
    this.#clock = options.clock ?? monotonicMs;
  }

  /** From `begin` until `follow` has ended. */
  get busy(): boolean {
    return this.#begun !== undefined;
  }

  /** Asks the replica, before the primary is asked. Settles with the answer; `follow` tells of a failure. */
  begin(): Promise<unknown> {
    this.#begun = this.#ask(positionAndStream);
    return this.#begun;
  }

  /** The lag relative to `target`, chased until `untilMs`; without a target only `streaming`. */
  async follow(target: PrimarySample | undefined, untilMs: number): Promise<Reading> {
    try {
      const knownLsn = this.#knownLsn;
      const first = await this.#begun;
      if (first === undefined) throw new Error('follow() without begin()');
      const streaming = first.stream === 'streaming' ? 1 : 0;
      if (target === undefined) return this.#reading(first.receivedMs, { streaming });

      const askedBefore = first.receivedMs <= target.sentMs;
      // Had everything even before the primary was asked: the lag at that moment was exactly nothing.
      if (askedBefore && first.replayLsn >= target.insertLsn)
        return this.#reading(first.receivedMs, { lagMs: 0, lagLowerMs: 0, lagBytes: 0, streaming });
      const lag = await this.#chase(target, untilMs, askedBefore ? await this.#ask(position) : first);
      const earlierLsn = askedBefore ? first.replayLsn : knownLsn;
      return this.#reading(lag.atMs, {
        ...(lag.upperMs !== undefined && { lagMs: toMicrosecond(lag.upperMs) }),
        lagLowerMs: toMicrosecond(lag.lowerMs),
        ...(earlierLsn !== undefined && { lagBytes: Math.max(0, target.insertLsn - earlierLsn) }),
        streaming,
      });
    } catch (error) {
      this.#knownLsn = undefined;
      throw error;
    } finally {
      this.#begun = undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
  }

  async #chase(target: PrimarySample, untilMs: number, first: Answer): Promise<TimedBounds> {
    let answer = first;
    let previous: Answer | undefined;
    let best: TimedBounds | undefined;
    for (let pauseMs = 1; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
      const { upperMs, lowerMs } = this.#ring.bounds(answer);
      const atMs = answer.receivedMs;
      if (answer.replayLsn >= target.insertLsn)
        return { atMs, upperMs, lowerMs: reachedAfterMs(previous, target) };
      best = tighter(best, { atMs, upperMs, lowerMs });
      if (this.#clock() + pauseMs > untilMs) return best;
      await delay(pauseMs);
      previous = answer;
      answer = await this.#ask(position);
    }
  }

  async #ask(statement: Statement): Promise<Answer> {
    const sentMs = this.#clock();
    const [row] = await this.#connection.query(statement);
    const receivedMs = this.#clock();
    const [lsn, stream] = row ?? [];
    if (typeof lsn !== 'string')
      throw new EnvironmentError(`${this.#connection.address.name} has replayed nothing: is it a replica?`);
    const replayLsn = parseLsn(lsn);
    this.#knownLsn = replayLsn;
    return { replayLsn, sentMs, receivedMs, stream: stream ?? null };
  }

  #reading(atMs: number, values: Readonly<Record<string, number>>): Reading {
    return { atMs: toMicrosecond(atMs), probe: 'lag', subject: this.#connection.address.name, values };
  }
}

interface TimedBounds {
  readonly atMs: number;
  readonly upperMs: number | undefined;
  readonly lowerMs: number;
}

/** The target took at least this long to arrive: it was not there yet when last asked. */
function reachedAfterMs(previous: ReplicaSample | undefined, target: PrimarySample): number {
  if (previous === undefined || previous.replayLsn >= target.flushLsn) return 0;
  return Math.max(0, previous.sentMs - target.receivedMs);
}

/**
 * Bounds are tightest right after the replica passed a position that the ring knows. Otherwise the
 * later ones: they speak for the end of the tick.
 */
function tighter(earlier: TimedBounds | undefined, later: TimedBounds): TimedBounds {
  if (earlier?.upperMs === undefined || later.upperMs === undefined) return later;
  const gained = later.upperMs - later.lowerMs - (earlier.upperMs - earlier.lowerMs);
  return gained > 1 ? earlier : later;
}
