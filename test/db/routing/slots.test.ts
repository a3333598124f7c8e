import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PoolTimeoutError } from '../../../src/db/routing/connection-pool.ts';
import { createSlots } from '../../../src/db/routing/slots.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('slots', () => {
  test('are as many as they are, and go to those who came first', async () => {
    const slots = createSlots(2, 1_000);
    await slots.take();
    await slots.take();
    const order: string[] = [];
    const [third, fourth] = ['third', 'fourth'].map((name) => slots.take().then(() => order.push(name)));
    await vi.advanceTimersByTimeAsync(0);
    expect([order, slots.waiting]).toEqual([[], 2]);
    slots.giveBack();
    await third;
    expect([order, slots.waiting]).toEqual([['third'], 1]);
    slots.giveBack();
    await fourth;
    expect([order, slots.waiting]).toEqual([['third', 'fourth'], 0]);
  });

  test('do not come in time for everybody, and are not given to those who have gone', async () => {
    const slots = createSlots(1, 1_000);
    await slots.take();
    const impatient = slots.take().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(600);
    const later = vi.fn<() => void>();
    const patient = slots.take().then(later);
    await vi.advanceTimersByTimeAsync(400);
    const error = await impatient;
    expect(error).toBeInstanceOf(PoolTimeoutError);
    expect(error).toMatchObject({ message: 'no connection became free within 1000 ms' });
    expect(slots.waiting).toBe(1);
    slots.giveBack();
    await patient;
    // Whoever got one may keep it for as long as he likes.
    await vi.advanceTimersByTimeAsync(10_000);
    expect(later).toHaveBeenCalledOnce();
    slots.giveBack();
    await slots.take();
  });
});
