import { beforeEach, describe, expect, test } from 'vitest';
import { createAllowance } from '../../../src/db/routing/allowance.ts';
import { createWritePace, type WritePace } from '../../../src/db/routing/write-pace.ts';

let nowMs: number;
let pace: WritePace;
const clock = (): number => nowMs;

beforeEach(() => {
  nowMs = 100_000;
  pace = createWritePace(1.3, 4, clock);
});

/** So many seconds of 20 writes of so many milliseconds each, beside reads that have to wait, or need not, or are not there. */
function seconds(count: number, writeMs: number, reads: 'held' | 'free' | 'none', writes = 20): void {
  for (let index = 0; index < count * 20; index += 1) {
    const endMs = nowMs + 50;
    if (index % 20 < writes) {
      nowMs = endMs - writeMs;
      const write = pace.began();
      nowMs = endMs;
      pace.ended(write, true);
    }
    nowMs = endMs;
    if (reads !== 'none') pace.asked(reads === 'held');
  }
}

describe('the pace of the reads that the primary takes over', () => {
  test('begins low, and rises while writes take what they usually take', () => {
    seconds(1, 5, 'none');
    expect(pace.average()).toBe(0.25);
    seconds(1, 5, 'held');
    expect(pace.average()).toBeGreaterThanOrEqual(0.5);
    seconds(10, 6, 'held');
    expect(pace.average()).toBe(4);
  });

  test('rises only while reads have to wait for it', () => {
    seconds(5, 5, 'none');
    seconds(10, 5, 'free');
    expect(pace.average()).toBe(0.25);
  });

  test('sinks while writes are slower, and rises slowly from then on', () => {
    seconds(5, 5, 'none');
    seconds(5, 5, 'held');
    expect(pace.average()).toBe(4);
    seconds(2, 20, 'held');
    const low = pace.average();
    expect(low).toBeLessThanOrEqual(0.5);
    seconds(3, 5, 'held');
    expect(pace.average()).toBeGreaterThan(low);
    expect(pace.average()).toBeLessThan(low * 3);
  });

  test('sinks while writes hang, which answer nothing and so tell nothing', () => {
    seconds(5, 5, 'none');
    seconds(5, 5, 'held');
    const hanging = pace.began();
    for (let second = 0; second < 20; second += 1) {
      nowMs += 1_001;
      pace.asked(true);
    }
    expect(pace.average()).toBe(0.05);
    // One that broke is no measure of what writes take.
    pace.ended(hanging, false);
    seconds(10, 5, 'held');
    expect(pace.average()).toBeGreaterThan(0.1);
  });

  test('does not sink for a long transaction among many writes', () => {
    seconds(5, 5, 'none');
    for (let turn = 0; turn < 10; turn += 1) {
      const transaction = pace.began();
      seconds(1, 5, 'held');
      pace.ended(transaction, true);
    }
    expect(pace.average()).toBe(4);
  });

  test('finds up again from its least when what writes take has changed for another reason', () => {
    seconds(5, 5, 'none');
    seconds(5, 20, 'held');
    expect(pace.average()).toBe(0.05);
    seconds(120, 20, 'held');
    expect(pace.average()).toBeGreaterThan(0.5);
  });

  test('goes by what was usual just before, not by a rush that is over', () => {
    seconds(60, 45, 'none');
    seconds(9, 10, 'none');
    seconds(5, 20, 'held');
    expect(pace.average()).toBe(0.05);
  });

  test('learns what is usual again from another primary', () => {
    seconds(60, 5, 'none');
    pace.forget();
    seconds(5, 20, 'held');
    expect(pace.average()).toBe(4);
  });

  test('rises where nobody writes: there is nothing to protect', () => {
    seconds(10, 0, 'held', 0);
    expect(pace.average()).toBe(4);
  });

  test('does not go by a few writes', () => {
    seconds(60, 5, 'none');
    seconds(3, 40, 'held', 1);
    expect(pace.average()).toBe(0.25);
  });

  test('begins anew after ten seconds in which nobody asked', () => {
    seconds(5, 5, 'none');
    seconds(5, 5, 'held');
    nowMs += 9_000;
    pace.asked(false);
    expect(pace.average()).toBe(4);
    nowMs += 10_001;
    pace.asked(false);
    expect(pace.average()).toBe(0.25);
  });

  test('is the cap from the beginning where the writes do not matter', () => {
    pace = createWritePace(Number.POSITIVE_INFINITY, 4, clock);
    seconds(5, 5, 'none');
    seconds(5, 49, 'held');
    expect(pace.average()).toBe(4);
    pace.began();
    nowMs += 5_000;
    pace.asked(true);
    expect(pace.average()).toBe(4);
  });
});

describe('a primary that is offered more reads than it can do', () => {
  interface Job {
    readonly read: boolean;
    readonly startMs: number;
    readonly end: () => void;
    leftMs: number;
  }

  /** One server that shares itself among all that runs on it. Reads are 4 ms of its time, a tenth of the writes 20 ms. */
  function simulate(writeSlowdown: number): { readonly slower: number; readonly readsPerSecond: number } {
    const stepMs = 0.5;
    const own = createWritePace(writeSlowdown, 4, clock);
    const allowance = createAllowance({ concurrent: 4, perSecond: 1_000 }, clock, own);
    let jobs: Job[] = [];
    let state = 11;
    const random = (): number => {
      state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
      return state / 2 ** 32;
    };
    const took: { readonly before: number[]; readonly during: number[] } = { before: [], during: [] };
    let reads = 0;
    const failsMs = nowMs + 30_000;
    const endMs = failsMs + 30_000;
    for (; nowMs < endMs; nowMs += stepMs) {
      // 40 writes a second; as many reads as are let through.
      if (random() < 0.04 * stepMs) {
        const write = own.began();
        const leftMs = random() < 0.1 ? 20 : 4;
        jobs.push({ read: false, startMs: nowMs, end: () => own.ended(write, true), leftMs });
      }
      if (nowMs >= failsMs && allowance.tryTake()) {
        jobs.push({ read: true, startMs: nowMs, end: allowance.giveBack, leftMs: 4 });
      }
      for (const job of jobs) job.leftMs -= stepMs / jobs.length;
      for (const { read, startMs, end } of jobs.filter(({ leftMs }) => leftMs <= 0)) {
        end();
        // Until then the pace is being found.
        const counts = nowMs > failsMs + 5_000;
        if (read && counts) reads += 1;
        else if (!read && (counts || nowMs < failsMs))
          took[counts ? 'during' : 'before'].push(nowMs + stepMs - startMs);
      }
      jobs = jobs.filter(({ leftMs }) => leftMs > 0);
    }
    const mean = (all: readonly number[]): number => all.reduce((sum, ms) => sum + ms, 0) / all.length;
    return { slower: mean(took.during) / mean(took.before), readsPerSecond: reads / 25 };
  }

  test('keeps its writes near what they were, and is not left idle', () => {
    expect(simulate(Number.POSITIVE_INFINITY).slower).toBeGreaterThan(3);
    nowMs = 100_000;
    const { slower, readsPerSecond } = simulate(1.3);
    expect(slower).toBeLessThan(1.6);
    expect(readsPerSecond).toBeGreaterThan(25);
  });
});
