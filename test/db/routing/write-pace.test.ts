import { beforeEach, describe, expect, test } from 'vitest';
import { createAllowance } from '../../../src/db/routing/allowance.ts';
import { createWritePace, type WritePace } from '../../../src/db/routing/write-pace.ts';

let nowMs: number;
let pace: WritePace;
const clock = (): number => nowMs;

beforeEach(() => {
  nowMs = 100_000;
  pace = createWritePace(1.5, 4, clock);
});

/** A write begins now; when that is. */
function begin(of = pace): number {
  of.began(nowMs);
  return nowMs;
}

/** So many seconds of 20 writes of so many milliseconds each, beside reads that have to wait, or need not, or are not there. */
function seconds(count: number, writeMs: number, reads: 'held' | 'free' | 'none', writes = 20): void {
  for (let index = 0; index < count * 20; index += 1) {
    const endMs = nowMs + 50;
    if (index % 20 < writes) {
      nowMs = endMs - writeMs;
      const write = begin();
      nowMs = endMs;
      pace.ended(write, true, nowMs);
    }
    nowMs = endMs;
    if (reads !== 'none') pace.asked(reads === 'held');
  }
}

describe('the pace of the reads that the primary takes over', () => {
  test('begins low, and rises while writes take what they usually take', () => {
    seconds(3, 5, 'none');
    expect(pace.average()).toBe(0.05);
    seconds(1, 5, 'held');
    expect(pace.average()).toBeGreaterThan(0.07);
    seconds(10, 7, 'held');
    expect(pace.average()).toBe(4);
  });

  test('rises only while reads have to wait for it', () => {
    seconds(5, 5, 'none');
    seconds(10, 5, 'free');
    expect(pace.average()).toBe(0.05);
  });

  test('sinks while writes are slower, and rises slowly from then on', () => {
    seconds(5, 5, 'none');
    seconds(10, 5, 'held');
    expect(pace.average()).toBe(4);
    seconds(1, 20, 'held');
    const low = pace.average();
    expect(low).toBeLessThan(0.1);
    seconds(3, 5, 'held');
    expect(pace.average()).toBeGreaterThan(low * 1.2);
    expect(pace.average()).toBeLessThan(low * 2);
  });

  /** Of 100 writes so many take four times as long: the mean hardly sees them, the P95 of six is theirs. */
  test.each([
    [2, 'rises'],
    [6, 'sinks'],
  ] as const)('goes by the tail: with %i of 100 slow it %s', (slow, what) => {
    seconds(5, 5, 'none');
    seconds(3, 5, 'held');
    const before = pace.average();
    for (let turn = 0; turn < 10; turn += 1) {
      seconds(5 - slow / 20, 5, 'held');
      seconds(slow / 20, 20, 'held');
    }
    if (what === 'rises') expect(pace.average()).toBeGreaterThan(before);
    else expect(pace.average()).toBeLessThan(before / 3);
  });

  test('does not race ahead where many write: its steps are of time, not of writes', () => {
    const busy = (ms: number, reads: boolean): void => {
      for (let index = 0; index < ms; index += 1) {
        const write = begin();
        nowMs += 1;
        pace.ended(write, true, nowMs);
        if (reads) pace.asked(true);
      }
    };
    busy(5_000, false);
    busy(1_000, true);
    expect(pace.average()).toBeGreaterThan(0.1);
    expect(pace.average()).toBeLessThan(0.2);
    // Nor after a pause.
    nowMs += 60_000;
    busy(200, true);
    expect(pace.average()).toBeLessThan(0.15);
  });

  test('sinks while writes hang, which answer nothing and so tell nothing', () => {
    seconds(5, 5, 'none');
    seconds(10, 5, 'held');
    const hanging = begin();
    const high = pace.average();
    for (let second = 0; second < 9; second += 1) {
      nowMs += 1_010;
      pace.asked(true);
    }
    const low = pace.average();
    expect(low).toBeLessThan(high / 20);
    // By then it is a transaction that somebody left open, which says nothing of the server; nor is it none.
    for (let second = 0; second < 20; second += 1) {
      nowMs += 1_010;
      pace.asked(true);
    }
    expect(pace.average()).toBe(low);
    // One that broke is no measure of what writes take.
    seconds(3, 5, 'held');
    const before = pace.average();
    pace.ended(hanging, false, nowMs);
    expect(pace.average()).toBe(before);
    // Carefully: where it hung it might again.
    seconds(10, 5, 'held');
    expect(pace.average()).toBeGreaterThan(low * 2);
    expect(pace.average()).toBeLessThan(low * 6);
  });

  test('does not sink for a long transaction among many writes', () => {
    seconds(5, 5, 'none');
    seconds(10, 5, 'held');
    for (let turn = 0; turn < 10; turn += 1) {
      const transaction = begin();
      seconds(2, 5, 'held');
      pace.ended(transaction, true, nowMs);
    }
    expect(pace.average()).toBeGreaterThan(3);
  });

  describe('where some writes are slow at all times', () => {
    /** Seven of 200 take 45 to 49 ms. */
    const tenSeconds = (reads: 'held' | 'none', writeMs = 5): void => {
      seconds(9.65, writeMs, reads);
      for (let slow = 0; slow < 7; slow += 1) seconds(0.05, 45 + ((slow * 3) % 5), reads);
    };

    test('does not sink for those', () => {
      tenSeconds('none');
      for (let turn = 0; turn < 20; turn += 1) tenSeconds('held');
      expect(pace.average()).toBeGreaterThan(1);
    });

    test('sinks for the others', () => {
      tenSeconds('none');
      for (let turn = 0; turn < 20; turn += 1) tenSeconds('held');
      seconds(2, 30, 'held');
      expect(pace.average()).toBeLessThan(0.1);
    });
  });

  test('sinks for slow writes where there are few: a second without any is no silence', () => {
    const write = (ms: number, reads: boolean): void => {
      const startMs = begin();
      nowMs += ms;
      pace.ended(startMs, true, nowMs);
      for (let turn = 0; turn < 8; turn += 1) {
        nowMs += 200;
        if (reads) pace.asked(true);
      }
    };
    for (let count = 0; count < 60; count += 1) write(5, false);
    for (let count = 0; count < 20; count += 1) write(40, true);
    expect(pace.average()).toBeLessThan(0.04);
  });

  test('does not learn from what the former primary answers late', () => {
    const former = Array.from({ length: 60 }, () => begin());
    pace.forget();
    seconds(3, 5, 'none');
    for (const startMs of former) {
      nowMs += 20;
      pace.ended(startMs, true, nowMs);
    }
    seconds(2, 20, 'held');
    expect(pace.average()).toBeLessThan(0.05);
  });

  test('knows the writes of the former primary from those of the new one', () => {
    const former = begin();
    pace.forget();
    for (let second = 0; second < 5; second += 1) {
      nowMs += 1_010;
      pace.asked(true);
    }
    // Nobody writes there.
    expect(pace.average()).toBeGreaterThan(1);
    const before = pace.average();
    pace.ended(former, true, nowMs);
    expect(pace.average()).toBe(before);
  });

  test('finds up again from its least when what writes take has changed for another reason', () => {
    seconds(5, 5, 'none');
    seconds(2, 20, 'held');
    expect(pace.average()).toBe(0.03);
    seconds(120, 20, 'held');
    expect(pace.average()).toBeGreaterThan(0.5);
  });

  test('goes by what was usual just before, not by a rush that is over', () => {
    seconds(60, 45, 'none');
    seconds(12, 10, 'none');
    seconds(3, 20, 'held');
    expect(pace.average()).toBe(0.03);
  });

  test('learns what is usual again from another primary', () => {
    seconds(60, 5, 'none');
    seconds(10, 5, 'held');
    pace.forget();
    expect(pace.average()).toBe(0.05);
    seconds(10, 20, 'held');
    expect(pace.average()).toBeGreaterThan(1);
  });

  test('rises where nobody writes: there is nothing to protect', () => {
    seconds(10, 0, 'held', 0);
    expect(pace.average()).toBe(4);
  });

  test('is looked at after a second of silence, not at the first read after a long one', () => {
    seconds(5, 5, 'none');
    pace.asked(true);
    nowMs += 9_000;
    begin();
    nowMs += 1;
    pace.asked(true);
    expect(pace.average()).toBe(0.05);
  });

  test('does not sink to its least for a few writes', () => {
    seconds(60, 5, 'none');
    seconds(2, 40, 'held', 1);
    expect(pace.average()).toBeGreaterThan(0.035);
    expect(pace.average()).toBeLessThan(0.05);
  });

  test('begins anew after ten seconds in which nobody asked', () => {
    seconds(5, 5, 'none');
    seconds(10, 5, 'held');
    nowMs += 9_000;
    pace.asked(false);
    expect(pace.average()).toBe(4);
    nowMs += 10_001;
    pace.asked(false);
    expect(pace.average()).toBe(0.05);
  });

  test('is the cap from the beginning where the writes do not matter', () => {
    pace = createWritePace(Number.POSITIVE_INFINITY, 4, clock);
    seconds(5, 5, 'none');
    seconds(5, 49, 'held');
    expect(pace.average()).toBe(4);
    begin();
    for (let second = 0; second < 5; second += 1) {
      nowMs += 1_000;
      pace.asked(true);
    }
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

  interface Server {
    /** Milliseconds of CPU: of a read, and of nine writes of ten; the tenth takes `longWriteMs`. */
    readonly readMs: number;
    readonly writeMs: number;
    readonly longWriteMs: number;
    /** CPU in each 10 ms; then everything waits for the next ten, as in a cgroup. */
    readonly quotaMs: number;
  }

  const periodMs = 10;

  /** P95 of the writes against before, from the third second on, and reads a second. */
  function simulate(server: Server, writeSlowdown: number, seed: number): { slower: number; reads: number } {
    const stepMs = 0.1;
    const own = createWritePace(writeSlowdown, 4, clock);
    const allowance = createAllowance({ concurrent: 4, perSecond: 1_000 }, clock, own);
    let jobs: Job[] = [];
    let state = seed;
    const random = (): number => {
      state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
      return state / 2 ** 32;
    };
    const took: { readonly before: number[]; readonly during: number[] } = { before: [], during: [] };
    let reads = 0;
    const failsMs = nowMs + 15_000;
    const countsMs = failsMs + 2_000;
    const endMs = failsMs + 22_000;
    let periodEndsMs = nowMs;
    let quotaMs = 0;
    for (; nowMs < endMs; nowMs += stepMs) {
      if (nowMs >= periodEndsMs) {
        periodEndsMs += periodMs;
        quotaMs = server.quotaMs;
      }
      // 40 writes a second; as many reads as are let through.
      if (random() < 0.04 * stepMs) {
        const write = begin(own);
        const leftMs = random() < 0.1 ? server.longWriteMs : server.writeMs;
        jobs.push({ read: false, startMs: nowMs, end: () => own.ended(write, true, nowMs), leftMs });
      }
      while (nowMs >= failsMs && allowance.tryTake()) {
        const leftMs = server.readMs * (0.5 + random());
        jobs.push({ read: true, startMs: nowMs, end: allowance.giveBack, leftMs });
      }
      if (quotaMs <= 0 || jobs.length === 0) continue;
      quotaMs -= stepMs;
      for (const job of jobs) job.leftMs -= stepMs / jobs.length;
      for (const { read, startMs, end } of jobs.filter(({ leftMs }) => leftMs <= 0)) {
        end();
        const counts = nowMs > countsMs;
        if (read && counts) reads += 1;
        else if (!read && (counts || nowMs < failsMs))
          took[counts ? 'during' : 'before'].push(nowMs + stepMs - startMs);
      }
      jobs = jobs.filter(({ leftMs }) => leftMs > 0);
    }
    const p95 = (all: number[]): number => all.sort((a, b) => a - b)[Math.floor(all.length * 0.95)] ?? 0;
    return { slower: p95(took.during) / p95(took.before), reads: reads / ((endMs - countsMs) / 1_000) };
  }

  const shared: Server = { readMs: 4, writeMs: 4, longWriteMs: 20, quotaMs: Number.POSITIVE_INFINITY };
  /** Here the mean of the writes is what it was while their P95 is three times as much. */
  const throttled: Server = { readMs: 1, writeMs: 0.6, longWriteMs: 1.8, quotaMs: 2.7 };

  test.each([
    ['that shares itself among all', shared, 15],
    ['with a CPU quota', throttled, 25],
  ] as const)('%s keeps its writes near what they were, and is not left idle', (_, server, someReads) => {
    expect(simulate(server, Number.POSITIVE_INFINITY, 11).slower).toBeGreaterThan(2.5);
    for (const seed of [11, 23, 47, 101, 211]) {
      const { slower, reads } = simulate(server, 1.5, seed);
      expect(slower, `seed ${seed}`).toBeLessThan(1.8);
      expect(reads, `seed ${seed}`).toBeGreaterThan(someReads);
    }
  });
});
