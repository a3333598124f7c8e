import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createAllowance } from '../../../src/db/routing/allowance.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());
const clock = (): number => Date.now();

describe('an allowance', () => {
  test('admits so many at once, and the next when one is given back', async () => {
    const allowance = createAllowance({ concurrent: 2, perSecond: 1e6 }, clock);
    expect(await Promise.all([allowance.take(0), allowance.take(0), allowance.take(0)])).toEqual([
      true,
      true,
      false,
    ]);
    const waiting = allowance.take(100);
    expect(allowance.waiting).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    allowance.giveBack();
    expect(await waiting).toBe(true);
    expect(allowance.inUse).toBe(2);
  });

  test('refuses after the patience, and forgets whoever has gone', async () => {
    const allowance = createAllowance({ concurrent: 1, perSecond: 1e6 }, clock);
    await allowance.take(0);
    const late = allowance.take(50);
    await vi.advanceTimersByTimeAsync(51);
    expect(await late).toBe(false);
    expect(allowance.waiting).toBe(0);
    allowance.giveBack();
    expect(allowance.inUse).toBe(0);
  });

  test('admits so many a second, however fast they are', async () => {
    const allowance = createAllowance({ concurrent: 5, perSecond: 10 }, clock);
    let admitted = 0;
    for (let ms = 0; ms < 10_000; ms += 5) {
      if (await allowance.take(0)) {
        admitted += 1;
        allowance.giveBack();
      }
      await vi.advanceTimersByTimeAsync(5);
    }
    expect(admitted).toBeGreaterThanOrEqual(100);
    expect(admitted).toBeLessThanOrEqual(105);
  });

  test('serves who waits for a token in their order', async () => {
    const allowance = createAllowance({ concurrent: 1, perSecond: 10 }, clock);
    await allowance.take(0);
    allowance.giveBack();
    const order: string[] = [];
    const take = async (name: string): Promise<void> => {
      if (await allowance.take(1_000)) order.push(name);
      allowance.giveBack();
    };
    const all = Promise.all([take('first'), take('second')]);
    await vi.advanceTimersByTimeAsync(300);
    await all;
    expect(order).toEqual(['first', 'second']);
  });

  test('keeps to a pace on average, however long each read takes', async () => {
    let average = 0.5;
    let held = 0;
    const pace = {
      average: () => average,
      asked(isHeld: boolean) {
        if (isHeld) held += 1;
      },
    };
    const allowance = createAllowance({ concurrent: 4, perSecond: 1e6 }, clock, pace);
    /** Milliseconds of reading in ten seconds, by readers who take 20 ms and come again at once. */
    const busyMs = async (): Promise<number> => {
      let reads = 0;
      let isOver = false;
      const reader = async (): Promise<void> => {
        while (!isOver) {
          if (!(await allowance.take(50))) continue;
          reads += 1;
          await new Promise((resolve) => setTimeout(resolve, 20));
          allowance.giveBack();
        }
      };
      const readers = Promise.all(Array.from({ length: 6 }, reader));
      await vi.advanceTimersByTimeAsync(10_000);
      isOver = true;
      await vi.advanceTimersByTimeAsync(1_000);
      await readers;
      return reads * 20;
    };
    // 30 ms may be read in advance.
    const half = await busyMs();
    expect(half).toBeGreaterThan(4_800);
    expect(half).toBeLessThan(5_400);
    expect(held).toBeGreaterThan(0);
    average = 2.5;
    const more = await busyMs();
    expect(more).toBeGreaterThan(23_000);
    expect(more).toBeLessThan(26_500);
    average = 4;
    expect(await busyMs()).toBeGreaterThan(38_000);
  });

  test('lets a few reads through at once whatever the pace', async () => {
    const pace = { average: () => 0.01, asked: () => undefined };
    const allowance = createAllowance({ concurrent: 4, perSecond: 1e6 }, clock, pace);
    for (let read = 0; read < 5; read += 1) {
      expect(await allowance.take(0)).toBe(true);
      // Never two at once, though.
      expect(await allowance.take(0)).toBe(false);
      await vi.advanceTimersByTimeAsync(5);
      allowance.giveBack();
    }
  });

  test('does not keep reads waiting for longer than ten seconds for one that hung', async () => {
    const pace = { average: () => 0.05, asked: () => undefined };
    const allowance = createAllowance({ concurrent: 4, perSecond: 1e6 }, clock, pace);
    await allowance.take(0);
    await vi.advanceTimersByTimeAsync(60_000);
    allowance.giveBack();
    const next = allowance.take(60_000);
    await vi.advanceTimersByTimeAsync(9_000);
    expect(allowance.inUse).toBe(0);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await next).toBe(true);
  });

  test('keeps no process alive for those who have gone', async () => {
    const pace = { average: () => 0.01, asked: () => undefined };
    const allowance = createAllowance({ concurrent: 4, perSecond: 1e6 }, clock, pace);
    await allowance.take(0);
    await vi.advanceTimersByTimeAsync(10_000);
    allowance.giveBack();
    const late = allowance.take(50);
    await vi.advanceTimersByTimeAsync(51);
    expect(await late).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });
});
