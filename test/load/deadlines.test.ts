import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createDeadlines, type Deadline } from '../../bench/load/deadlines.ts';

interface Item extends Deadline {
  readonly name: string;
}

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => {
  vi.useRealTimers();
});

test('each item expires at its own time, also when another is added on the way; a removed one never', () => {
  const expired: (readonly [string, number])[] = [];
  const deadlines = createDeadlines<Item>({
    timeoutMs: 50,
    clock: Date.now,
    onExpired: (item, nowMs) => {
      expired.push([item.name, nowMs]);
      // As the open loop does: the free place is taken at once. It must not move the timer to itself.
      if (item.name === 'first') deadlines.add(make('added', nowMs));
    },
  });
  const removed = make('removed', 10);
  for (const item of [make('first', 0), removed, make('second', 20), make('third', 40)]) deadlines.add(item);
  deadlines.remove(removed);
  deadlines.remove(removed);
  vi.advanceTimersByTime(1000);
  expect(expired).toEqual([
    ['first', 50],
    ['second', 70],
    ['third', 90],
    ['added', 100],
  ]);
});

test('requests that come and go need no timer of their own', () => {
  const deadlines = createDeadlines<Item>({ timeoutMs: 50, clock: Date.now, onExpired: () => undefined });
  for (let index = 0; index < 100; index += 1) {
    const item = make(String(index), Date.now());
    deadlines.add(item);
    expect(vi.getTimerCount()).toBe(1);
    deadlines.remove(item);
    vi.advanceTimersByTime(1);
  }
  deadlines.clear();
  expect(vi.getTimerCount()).toBe(0);
});

function make(name: string, startedMs: number): Item {
  return { name, startedMs, older: null, newer: null };
}
