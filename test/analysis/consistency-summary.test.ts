import { expect, test } from 'vitest';
import { eventsOf, mergeHistories, summarizeConsistency } from '../../bench/analysis/consistency-summary.ts';
import type { History } from '../../bench/model.ts';

type Line = readonly [
  session: number,
  entity: string,
  kind: 'w' | 'r',
  version: number,
  sentMs: number,
  tookMs: number,
  node?: string,
];

function historyOf(...lines: readonly Line[]): History {
  const entities = [...new Set(lines.map(([, entity]) => entity))];
  const nodes = [...new Set(lines.map(([, , , , , , node = 'primary']) => node))];
  return {
    ...{ entities, nodes, withoutVersion: 0 },
    session: lines.map(([session]) => session),
    entity: lines.map(([, entity]) => entities.indexOf(entity)),
    write: lines.map(([, , kind]) => (kind === 'w' ? 1 : 0)),
    version: lines.map(([, , , version]) => version),
    sentUs: lines.map(([, , , , sentMs]) => sentMs * 1000),
    tookUs: lines.map(([, , , , , tookMs]) => tookMs * 1000),
    node: lines.map(([, , , , , , node = 'primary']) => nodes.indexOf(node)),
  };
}

/** One session writes versions 1 and 2 and reads; another reads an old version, and then an older one. */
const lines: readonly Line[] = [
  [1, 'user 1', 'w', 1, 0, 10],
  [1, 'user 1', 'w', 2, 20, 10],
  [1, 'user 1', 'r', 1, 40, 2, 'replica1'],
  [2, 'user 1', 'r', 1, 50, 2, 'replica2'],
  [2, 'user 1', 'r', 0, 130, 2, 'replica1'],
  [3, 'user 1', 'r', 2, 530, 2, 'replica1'],
  [3, 'user 9', 'r', 0, 600, 2, 'replica1'],
];

test('a history is judged by read, by node, and by the time since the write', () => {
  const summary = summarizeConsistency({ history: historyOf(...lines) });
  expect(summary).toEqual({
    reads: 5,
    withoutVersion: 0,
    stale: 3,
    // Of versions 2, 2 and 1: answered at 30, 30 and 10.
    staleMs: { p50: 20, p95: 120, p99: 120, max: 120 },
    staleVersions: { p50: 1, p95: 2, p99: 2, max: 2 },
    ownWrites: { checked: 1, violations: 1 },
    monotonic: { checked: 1, violations: 1 },
    byNode: {
      replica1: { reads: 4, stale: 2, ownWriteViolations: 1, monotonicViolations: 1 },
      replica2: { reads: 1, stale: 1, ownWriteViolations: 0, monotonicViolations: 0 },
    },
    freshness: [
      { belowMs: 20, reads: 1, fresh: 0 },
      { belowMs: 50, reads: 1, fresh: 0 },
      { belowMs: 200, reads: 1, fresh: 0 },
      { belowMs: 1_000, reads: 1, fresh: 1 },
    ],
  });
});

test('a load without a history says nothing', () => {
  expect(summarizeConsistency({})).toBeNull();
});

test('parts are laid on one axis; a session of one is none of another', () => {
  const parts = [
    { startedAtMs: 1_000, history: historyOf([1, 'user 1', 'w', 5, 0, 10]) },
    {
      startedAtMs: 3_000,
      history: historyOf([1, 'user 2', 'r', 1, 0, 5], [2, 'user 1', 'r', 4, 1, 5, 'replica1']),
    },
  ];
  const merged = mergeHistories(parts);
  if (merged === undefined) throw new Error('expected a history');
  expect(eventsOf(merged)).toEqual([
    { session: 1, key: 'user 1', kind: 'write', version: 5, startMs: 0, endMs: 10, node: 'primary' },
    { session: 2, key: 'user 2', kind: 'read', version: 1, startMs: 2_000, endMs: 2_005, node: 'primary' },
    { session: 3, key: 'user 1', kind: 'read', version: 4, startMs: 2_001, endMs: 2_006, node: 'replica1' },
  ]);
  expect(mergeHistories([{ startedAtMs: 0 }])).toBeUndefined();
});

test('answers that told no version are added up, and are in no other figure', () => {
  const history = { ...historyOf(...lines), withoutVersion: 4 };
  const merged = mergeHistories([
    { startedAtMs: 0, history },
    { startedAtMs: 5_000, history: { ...historyOf(), withoutVersion: 3 } },
  ]);
  expect(merged?.withoutVersion).toBe(7);
  expect(summarizeConsistency(merged === undefined ? {} : { history: merged })).toMatchObject({
    ...{ reads: 5, withoutVersion: 7 },
  });
});
