import { describe, expect, test } from 'vitest';
import { checkReads } from '../../bench/analysis/consistency.ts';
import type { VersionedEvent } from '../../bench/model.ts';

type Line = readonly [
  kind: 'read' | 'write',
  session: number,
  version: number,
  startMs: number,
  endMs: number,
  key?: string,
];

const history = (...lines: readonly Line[]): readonly VersionedEvent[] =>
  lines.map(([kind, session, version, startMs, endMs, key = 'user 1']) => ({
    ...{ kind, session, version, startMs, endMs, key, node: 'replica1' },
  }));
const only = (...lines: readonly Line[]) => {
  const [checked] = checkReads(history(...lines)).slice(-1);
  if (checked === undefined) throw new Error('expected a read');
  return checked;
};

describe('a read', () => {
  test('that shows the latest answered write is fresh', () => {
    expect(only(['write', 1, 5, 0, 10], ['read', 2, 5, 12, 15])).toMatchObject({
      ...{ staleMs: null, staleVersions: 0, sinceWriteMs: 2, readsOwnWrites: null, isMonotonic: null },
    });
  });

  test('that misses one is stale since its answer, not since it was sent', () => {
    expect(only(['write', 1, 5, 0, 10], ['read', 2, 4, 50, 55])).toMatchObject({
      staleMs: 40,
      staleVersions: 1,
    });
  });

  test('that misses several is stale since the first answer of them, and that many versions behind', () => {
    const lines = [
      ['write', 1, 5, 0, 10],
      ['write', 3, 6, 5, 8],
      ['write', 1, 8, 20, 30],
    ] as const;
    expect(only(...lines, ['read', 2, 4, 50, 55])).toMatchObject({
      staleMs: 42,
      staleVersions: 4,
      sinceWriteMs: 20,
    });
    // Version 5 was answered after 6: what is missed counts, not what is latest.
    expect(only(...lines, ['read', 2, 6, 50, 55])).toMatchObject({ staleMs: 20, staleVersions: 2 });
  });

  test('beside a write is not accused of missing it', () => {
    expect(only(['write', 1, 5, 0, 10], ['read', 1, 4, 9, 12])).toMatchObject({
      ...{ staleMs: null, staleVersions: 0, sinceWriteMs: null, readsOwnWrites: null },
    });
  });

  test('may show what nobody is known to have written', () => {
    expect(only(['write', 1, 5, 0, 10], ['read', 1, 7, 20, 22])).toMatchObject({
      staleMs: null,
      readsOwnWrites: true,
    });
  });

  test('of one key knows nothing of another', () => {
    expect(only(['write', 1, 5, 0, 10, 'user 2'], ['read', 1, 4, 20, 22])).toMatchObject({
      ...{ staleMs: null, readsOwnWrites: null },
    });
  });
});

describe('read your writes', () => {
  test('is violated by a read without what its session wrote', () => {
    expect(only(['write', 1, 5, 0, 10], ['read', 1, 4, 11, 12]).readsOwnWrites).toBe(false);
  });

  test('is kept by a read of something later, and of no matter for another session', () => {
    expect(only(['write', 1, 5, 0, 10], ['read', 1, 6, 11, 12]).readsOwnWrites).toBe(true);
    expect(only(['write', 1, 5, 0, 10], ['read', 2, 4, 11, 12]).readsOwnWrites).toBeNull();
  });

  test('is judged by the latest of the session’s own writes', () => {
    const own = [
      ['write', 1, 5, 0, 10],
      ['write', 1, 7, 11, 20],
    ] as const;
    expect(only(...own, ['read', 1, 6, 30, 31]).readsOwnWrites).toBe(false);
    expect(only(...own, ['write', 2, 9, 21, 25], ['read', 1, 7, 30, 31])).toMatchObject({
      ...{ readsOwnWrites: true, staleVersions: 2 },
    });
  });
});

describe('monotonic reads', () => {
  test('are violated by a read of less than the session had read', () => {
    expect(only(['read', 1, 5, 0, 10], ['read', 1, 4, 11, 12])).toMatchObject({
      ...{ isMonotonic: false, staleMs: null },
    });
  });

  test('are kept by a read of the same, and not judged for reads at once', () => {
    expect(only(['read', 1, 5, 0, 10], ['read', 1, 5, 11, 12]).isMonotonic).toBe(true);
    expect(only(['read', 1, 5, 0, 10], ['read', 1, 4, 9, 12]).isMonotonic).toBeNull();
  });

  test('go by the highest version that was read, not by the last', () => {
    expect(only(['read', 1, 5, 0, 10], ['read', 1, 3, 11, 12], ['read', 1, 4, 13, 14]).isMonotonic).toBe(
      false,
    );
  });
});

test('reads come in the order of their starts, whatever their keys', () => {
  const checked = checkReads(
    history(['read', 1, 1, 30, 31, 'b'], ['read', 1, 1, 10, 11, 'a'], ['read', 1, 1, 20, 21, 'b']),
  );
  expect(checked.map(({ read }) => read.startMs)).toEqual([10, 20, 30]);
});
