import { expect, test } from 'vitest';
import { createRecentTail } from '../../../src/db/routing/recent-tail.ts';

test('is not known from a few', () => {
  const tail = createRecentTail();
  for (let index = 0; index < 49; index += 1) tail.add(5, index * 20);
  expect(tail.isKnown).toBe(false);
  expect(tail.p95()).toBe(Number.POSITIVE_INFINITY);
  tail.add(5, 49 * 20);
  expect(tail.isKnown).toBe(true);
  expect(tail.p95()).toBe(5);
});

test('tells what 95 of 100 do not exceed, and how many exceed something', () => {
  const tail = createRecentTail();
  for (let index = 1; index <= 100; index += 1) tail.add(index, index * 20);
  expect(tail.p95()).toBe(95);
  expect(tail.shareAbove(95)).toBe(0.05);
  expect(tail.shareAbove(100)).toBe(0);
  expect(tail.shareAbove(0)).toBe(1);
});

test('is that of the latest 200', () => {
  const tail = createRecentTail();
  for (let index = 0; index < 200; index += 1) tail.add(50, index * 20);
  expect(tail.p95()).toBe(50);
  for (let index = 200; index < 389; index += 1) tail.add(1, index * 20);
  expect(tail.p95()).toBe(50);
  tail.add(1, 389 * 20);
  expect(tail.p95()).toBe(1);
});

test('takes one in so long, so that a rush does not fill it', () => {
  const tail = createRecentTail();
  for (let index = 0; index < 100; index += 1) tail.add(5, index * 20);
  for (let index = 0; index < 1_000; index += 1) tail.add(500, 2_000 + index / 100);
  expect(tail.p95()).toBe(5);
  tail.add(500, 2_100, 200);
  for (let index = 0; index < 4; index += 1) tail.add(500, 2_200 + index * 20);
  expect(tail.p95()).toBe(5);
  tail.add(500, 2_280);
  expect(tail.p95()).toBe(500);
});

test('knows nothing after it was told to forget', () => {
  const tail = createRecentTail();
  for (let index = 0; index < 50; index += 1) tail.add(5, index * 20);
  expect(tail.p95()).toBe(5);
  tail.forget();
  expect(tail.isKnown).toBe(false);
  expect(tail.p95()).toBe(Number.POSITIVE_INFINITY);
});
