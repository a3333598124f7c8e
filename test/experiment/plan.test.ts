import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blockOrder } from '../../bench/experiment/order.ts';
import { deriveSeed, shuffle } from '../../bench/experiment/random.ts';
import { offeredRateHz, planSlice, type SliceRequest } from '../../bench/experiment/slices.ts';
import type { Arm } from '../../bench/model.ts';
import readHeavy from '../../scenarios/read-heavy.ts';
import spike from '../../scenarios/spike.ts';

const arms: readonly Arm[] = ['baseline', 'replicated'].map((name) => ({
  name,
  topology: 'embedded',
  replicas: 0,
  routing: 'primary-only',
}));

const request: SliceRequest = {
  kind: 'steady',
  scenario: readHeavy,
  baseUrl: 'http://127.0.0.1:1',
  seconds: 4,
  steadyRateHz: 200,
  runSeed: 1,
  block: 1,
  sliceIndex: 3,
};

describe('order of the arms', () => {
  test('each block has every arm once, and each arm comes first in half of the blocks', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 20 }), (seed, pairs) => {
        const order = blockOrder(arms, pairs * 2, seed);
        for (const block of order) expect([...block].sort()).toEqual(['baseline', 'replicated']);
        expect(order.filter((block) => block[0] === 'baseline')).toHaveLength(pairs);
      }),
    );
  });

  test('depends on the seed', () => {
    const orders = new Set(
      Array.from({ length: 20 }, (_, seed) => JSON.stringify(blockOrder(arms, 6, seed))),
    );
    expect(orders.size).toBeGreaterThan(1);
    expect(blockOrder(arms, 6, 5)).toEqual(blockOrder(arms, 6, 5));
  });
});

test('shuffle keeps every item and reaches every order', () => {
  const seen = new Set(Array.from({ length: 200 }, (_, seed) => shuffle(['a', 'b', 'c'], seed).join('')));
  expect([...seen].sort()).toEqual(['abc', 'acb', 'bac', 'bca', 'cab', 'cba']);
});

test('derived seeds differ between parts and repeat for the same ones', () => {
  const seeds = new Set<number>();
  for (let block = 0; block < 50; block += 1)
    for (let kind = 0; kind < 6; kind += 1) seeds.add(deriveSeed(1, block, kind));
  expect(seeds.size).toBe(300);
  expect(deriveSeed(1, 2, 3)).toBe(deriveSeed(1, 2, 3));
});

describe('streams of a slice', () => {
  test('steady is one open loop with both classes at the steady rate', () => {
    const plan = planSlice(request);
    expect(plan.streams).toHaveLength(1);
    expect(plan.streams[0]).toMatchObject({ kind: 'open', classes: ['read', 'write'] });
    expect(offeredRateHz(plan)).toBe(200);
  });

  test('read saturation closes the loop on reads and holds writes at their steady rate', () => {
    const plan = planSlice({ ...request, kind: 'read-saturation' });
    expect(plan.streams.map((s) => [s.kind, s.classes])).toEqual([
      ['closed', ['read']],
      ['open', ['write']],
    ]);
    expect(offeredRateHz(plan)).toBeCloseTo(20);
  });

  test('write saturation closes the loop on writes and holds reads at their steady rate', () => {
    const plan = planSlice({ ...request, kind: 'write-saturation' });
    expect(plan.streams.map((s) => [s.kind, s.classes])).toEqual([
      ['closed', ['write']],
      ['open', ['read']],
    ]);
    expect(offeredRateHz(plan)).toBeCloseTo(180);
  });

  test('a scenario of reads alone has no open stream of writes', () => {
    const plan = planSlice({ ...request, kind: 'read-saturation', scenario: { ...readHeavy, readShare: 1 } });
    expect(plan.streams).toHaveLength(1);
    expect(offeredRateHz(plan)).toBeNull();
  });

  test('a spike profile keeps the length and triples the rate in its middle', () => {
    const plan = planSlice({ ...request, scenario: spike, seconds: 10 });
    const stream = plan.streams[0];
    if (stream?.kind !== 'open') throw new Error('expected an open stream');
    expect(stream.segments.reduce((sum, s) => sum + s.durationMs, 0)).toBeCloseTo(10_000);
    expect(Math.max(...stream.segments.map((s) => s.toHz))).toBe(600);
  });
});
