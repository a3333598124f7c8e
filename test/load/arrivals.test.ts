import { expect, test } from 'vitest';
import { createArrivals } from '../../bench/load/arrivals.ts';
import { randomStream } from '../../bench/load/random.ts';
import type { RateSegment } from '../../bench/model.ts';

const constant: readonly RateSegment[] = [{ durationMs: 10_000, fromHz: 100, toHz: 100 }];
const rampAndStep: readonly RateSegment[] = [
  { durationMs: 4000, fromHz: 0, toHz: 1000 },
  { durationMs: 1000, fromHz: 0, toHz: 0 },
  { durationMs: 2000, fromHz: 1000, toHz: 500 },
];

test('uniform arrivals at a constant rate are evenly spaced', () => {
  const times = all('uniform', constant, 1);
  expect(times).toHaveLength(1000);
  times.forEach((time, index) => {
    expect(time).toBeCloseTo(5 + 10 * index, 6);
  });
});

test('uniform arrivals of a ramp, a pause and a slope down are where the integral of the rate says', () => {
  const times = all('uniform', rampAndStep, 1);
  expect(times).toHaveLength(2000 + 1500);
  // On the ramp the n-th arrival solves t^2 / 8000 = n - 1/2: 1 per ms after 4000 ms.
  expect(times[0]).toBeCloseTo(Math.sqrt(8000 * 0.5), 6);
  expect(times[999]).toBeCloseTo(Math.sqrt(8000 * 999.5), 6);
  expect(times.filter((time) => time > 4000 && time < 5000)).toEqual([]);
  expect(times.filter((time) => time >= 5000 && time < 6000)).toHaveLength(875);
});

test('Poisson arrivals have exponential gaps: mean and spread, and the chance of a short one', () => {
  const times = all('poisson', [{ durationMs: 1_000_000, fromHz: 100, toHz: 100 }], 7);
  // 100,000 expected, standard deviation 316.
  expect(Math.abs(times.length - 100_000)).toBeLessThan(5 * 316);
  const gaps = times.map((time, index) => time - (times[index - 1] ?? 0));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
  expect(Math.sqrt(variance) / mean).toBeCloseTo(1, 1);
  for (const [limitMs, probability] of [
    [1, 1 - Math.exp(-0.1)],
    [10, 1 - Math.exp(-1)],
    [30, 1 - Math.exp(-3)],
  ] as const) {
    const share = gaps.filter((gap) => gap < limitMs).length / gaps.length;
    expect(Math.abs(share - probability)).toBeLessThan(5 * Math.sqrt(probability / gaps.length));
  }
});

test('Poisson arrivals follow the rate of the profile', () => {
  const times = all('poisson', rampAndStep, 3);
  const count = (from: number, to: number): number =>
    times.filter((time) => time >= from && time < to).length;
  for (const [from, to, expected] of [
    [0, 2000, 500],
    [2000, 4000, 1500],
    [4000, 5000, 0],
    [5000, 7000, 1500],
  ] as const) {
    expect(Math.abs(count(from, to) - expected)).toBeLessThanOrEqual(5 * Math.sqrt(expected));
  }
});

test('the same seed gives the same due times, another seed others, ascending and inside the profile', () => {
  const first = all('poisson', rampAndStep, 42);
  expect(all('poisson', rampAndStep, 42)).toEqual(first);
  expect(all('poisson', rampAndStep, 43)).not.toEqual(first);
  expect(first).toEqual([...first].sort((a, b) => a - b));
  expect(Math.min(...first)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...first)).toBeLessThan(7000);
});

test('neighbouring seeds and lanes give unrelated streams', () => {
  const draws = new Set<number>();
  for (let seed = 0; seed < 50; seed += 1) {
    for (let lane = 0; lane < 50; lane += 1) draws.add(randomStream(seed, lane, 2)());
  }
  expect(draws.size).toBe(2500);
  const mean = [...draws].reduce((sum, value) => sum + value, 0) / draws.size;
  // Uniform: standard deviation of the mean of 2500 is 0.0058.
  expect(Math.abs(mean - 0.5)).toBeLessThan(5 * 0.0058);
});

function all(arrivals: 'poisson' | 'uniform', segments: readonly RateSegment[], seed: number): number[] {
  const next = createArrivals({ arrivals, segments, random: randomStream(seed, 0, 2) });
  const times: number[] = [];
  for (let time = next(); time < Number.POSITIVE_INFINITY; time = next()) times.push(time);
  return times;
}
