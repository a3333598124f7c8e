import { describe, expect, test } from 'vitest';
import { chooseNode } from '../../../src/db/routing/choose.ts';
import { createLatency } from '../../../src/db/routing/latency.ts';

const node = (name: string, inFlight = 0, ms = 1, weight = 1) => ({
  name,
  inFlight,
  weight,
  latencyMs: () => ms,
});

/** Numbers from 0 to below 1, always the same. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

function shares(nodes: readonly ReturnType<typeof node>[], draws = 3_000): Readonly<Record<string, number>> {
  const random = seeded(7);
  const counts: Record<string, number> = Object.fromEntries(nodes.map(({ name }) => [name, 0]));
  for (let draw = 0; draw < draws; draw += 1) {
    const { name } = chooseNode(nodes, random, 0) ?? { name: '' };
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, count / draws]));
}

describe('the choice of a node', () => {
  test('is none of none, and the only one of one', () => {
    expect(chooseNode([], seeded(1), 0)).toBeUndefined();
    expect(chooseNode([node('a')], seeded(1), 0)?.name).toBe('a');
  });

  test('spreads reads one after the other over equal nodes', () => {
    for (const share of Object.values(shares([node('a'), node('b'), node('c')]))) {
      expect(share).toBeGreaterThan(0.3);
      expect(share).toBeLessThan(0.37);
    }
  });

  test('is never the worst of all, and often not the best', () => {
    const { best = 0, middle = 0, worst } = shares([node('best', 0), node('middle', 3), node('worst', 9)]);
    expect(worst).toBe(0);
    expect(best).toBeGreaterThan(0.6);
    expect(middle).toBeGreaterThan(0.25);
  });

  test('goes by in-flight requests times latency, over weight', () => {
    expect(shares([node('slow', 0, 10), node('busy', 4, 1)])).toEqual({ slow: 0, busy: 1 });
    expect(shares([node('light', 1, 1, 0.5), node('heavy', 1, 1, 2)])).toEqual({ light: 0, heavy: 1 });
  });

  test('goes by in-flight requests alone while latencies are alike', () => {
    expect(shares([node('quicker', 5, 10), node('emptier', 4, 19)])).toEqual({ quicker: 0, emptier: 1 });
    expect(shares([node('quick', 5, 10), node('slow', 4, 21)])).toEqual({ quick: 1, slow: 0 });
  });

  test('gives idle nodes their weights as shares', () => {
    const { primary = 0, replica1 = 0 } = shares([
      ...[node('replica1'), node('replica2'), node('primary', 0, 1, 0.5)],
    ]);
    expect(primary).toBeGreaterThan(0.17);
    expect(primary).toBeLessThan(0.23);
    expect(replica1).toBeGreaterThan(0.37);
  });

  test('lets queues settle in proportion to what nodes can do', () => {
    // Reads come one a step; a node of speed s finishes one every 1 / s steps.
    const speeds = { fast: 0.8, slow: 0.4 };
    const nodes = Object.keys(speeds).map((name) => ({ ...node(name), done: 0, served: 0 }));
    const random = seeded(3);
    for (let step = 0; step < 5_000; step += 1) {
      const chosen = chooseNode(nodes, random, 0);
      if (chosen !== undefined) chosen.inFlight += 1;
      for (const each of nodes) {
        each.done += speeds[each.name as keyof typeof speeds];
        if (each.done >= 1 && each.inFlight > 0) {
          each.done -= 1;
          each.inFlight -= 1;
          each.served += 1;
        }
        each.done = Math.min(each.done, 1);
      }
    }
    const [fast, slow] = nodes.map(({ served }) => served);
    expect((fast ?? 0) / (slow ?? 1)).toBeGreaterThan(1.6);
  });
});

describe('the latency of a node', () => {
  test('follows what is observed, within a few seconds', () => {
    const latency = createLatency();
    for (let ms = 0; ms < 10_000; ms += 10) latency.observe(ms < 5_000 ? 5 : 50, ms);
    expect(latency.at(10_000)).toBeGreaterThan(40);
    expect(latency.at(10_000)).toBeLessThanOrEqual(50);
  });

  test('sinks while nothing is observed, so that the node is tried again', () => {
    const latency = createLatency();
    for (let ms = 0; ms < 10_000; ms += 100) latency.observe(500, ms);
    expect(latency.at(10_000)).toBeGreaterThan(400);
    expect(latency.at(30_000)).toBeLessThan(10);
  });

  test('is not that of a single query, be it the first or the only one for long', () => {
    const latency = createLatency();
    latency.observe(40, 0);
    expect(latency.at(0)).toBe(5);
    latency.observe(40, 60_000);
    expect(latency.at(60_000)).toBeLessThan(10);
  });
});
