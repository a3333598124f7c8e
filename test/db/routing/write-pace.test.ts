import { beforeEach, describe, expect, test } from 'vitest';
import { createWritePace, type WritePace } from '../../../src/db/routing/write-pace.ts';

let nowMs: number;
let pace: WritePace;
const clock = (): number => nowMs;

beforeEach(() => {
  nowMs = 100_000;
  pace = createWritePace(1.4, 4, clock);
});

/** For a second, 20 writes of so many milliseconds each, and reads that have to wait, or need not. */
function second(writeMs: number, { isHeld = true, alone = false, writes = 20 } = {}): void {
  for (let index = 0; index < 20; index += 1) {
    nowMs += 50;
    if (index < writes) pace.wrote(writeMs, alone);
    pace.asked(isHeld);
  }
}

describe('the pace of the reads that the primary takes over', () => {
  test('begins low, and rises while writes take what they take alone', () => {
    second(5, { isHeld: false, alone: true });
    expect(pace.average()).toBe(0.25);
    second(5);
    expect(pace.average()).toBeGreaterThanOrEqual(0.5);
    for (let seconds = 0; seconds < 10; seconds += 1) second(5);
    expect(pace.average()).toBe(4);
  });

  test('rises only while reads have to wait for it', () => {
    second(5, { alone: true });
    const before = pace.average();
    for (let seconds = 0; seconds < 5; seconds += 1) second(5, { isHeld: false });
    expect(pace.average()).toBeLessThanOrEqual(before * 2);
  });

  test('sinks while writes are slower, and rises slowly from then on', () => {
    for (let seconds = 0; seconds < 5; seconds += 1) second(5, { alone: true });
    expect(pace.average()).toBe(4);
    for (let seconds = 0; seconds < 2; seconds += 1) second(20);
    const low = pace.average();
    expect(low).toBeLessThanOrEqual(0.5);
    for (let seconds = 0; seconds < 3; seconds += 1) second(6);
    expect(pace.average()).toBeGreaterThan(low);
    expect(pace.average()).toBeLessThan(low * 2.5);
  });

  test('never stands still, however slow the writes become', () => {
    second(5, { alone: true });
    for (let seconds = 0; seconds < 60; seconds += 1) second(500);
    expect(pace.average()).toBe(0.01);
    for (let seconds = 0; seconds < 60; seconds += 1) second(5);
    expect(pace.average()).toBeGreaterThan(0.2);
  });

  test('does not sink for what slows writes that run alone, too', () => {
    for (let seconds = 0; seconds < 100; seconds += 1) second(50, { alone: true });
    second(60);
    expect(pace.average()).toBe(4);
  });

  test('rises where nobody writes: there is nothing to protect', () => {
    for (let seconds = 0; seconds < 10; seconds += 1) second(0, { writes: 0 });
    expect(pace.average()).toBe(4);
  });

  test('begins anew after ten seconds in which nobody asked', () => {
    for (let seconds = 0; seconds < 5; seconds += 1) second(5, { alone: true });
    nowMs += 9_000;
    pace.asked(false);
    expect(pace.average()).toBe(4);
    nowMs += 10_001;
    pace.asked(false);
    expect(pace.average()).toBe(0.25);
  });

  test('is the cap from the beginning where the writes do not matter', () => {
    pace = createWritePace(Number.POSITIVE_INFINITY, 4, clock);
    second(5, { alone: true });
    second(5_000);
    expect(pace.average()).toBe(4);
  });
});

describe('a primary that is offered more reads than it can do', () => {
  /** One server that shares itself among all that runs on it; writes and reads are 4 ms of its time each. */
  function simulate(writeSlowdown: number): { readonly slower: number; readonly readsPerSecond: number } {
    interface Job {
      readonly isWrite: boolean;
      readonly startMs: number;
      readonly alone: boolean;
      leftMs: number;
    }
    const stepMs = 0.5;
    const own = createWritePace(writeSlowdown, 4, clock);
    let jobs: Job[] = [];
    let debtMs = 0;
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
      const isFailed = nowMs >= failsMs;
      const reading = jobs.filter(({ isWrite }) => !isWrite).length;
      // 40 writes a second on average; as many reads as the pace lets through.
      if (random() < 0.04 * stepMs) {
        jobs.push({ isWrite: true, startMs: nowMs, alone: reading === 0, leftMs: 4 });
      }
      if (isFailed) {
        const isHeld = debtMs > 250 || reading >= Math.max(1, Math.ceil(own.average()));
        own.asked(isHeld);
        if (!isHeld) jobs.push({ isWrite: false, startMs: nowMs, alone: false, leftMs: 4 });
        debtMs = Math.max(0, debtMs + stepMs * (reading - own.average()));
      }
      for (const job of jobs) job.leftMs -= stepMs / jobs.length;
      for (const { isWrite, startMs, alone } of jobs.filter(({ leftMs }) => leftMs <= 0)) {
        const ms = nowMs + stepMs - startMs;
        if (isWrite) {
          own.wrote(ms, alone && reading === 0);
          // Until then the pace is being found.
          if (!isFailed) took.before.push(ms);
          else if (nowMs > failsMs + 5_000) took.during.push(ms);
        } else if (nowMs > failsMs + 5_000) reads += 1;
      }
      jobs = jobs.filter(({ leftMs }) => leftMs > 0);
    }
    const mean = (all: readonly number[]): number => all.reduce((sum, ms) => sum + ms, 0) / all.length;
    return { slower: mean(took.during) / mean(took.before), readsPerSecond: reads / 25 };
  }

  test('keeps its writes near what they were, and is not left idle', () => {
    const without = simulate(Number.POSITIVE_INFINITY);
    expect(without.slower).toBeGreaterThan(3);
    nowMs = 100_000;
    const { slower, readsPerSecond } = simulate(1.4);
    expect(slower).toBeLessThan(1.8);
    expect(readsPerSecond).toBeGreaterThan(40);
  });
});
