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
});
