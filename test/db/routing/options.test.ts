import { describe, expect, test } from 'vitest';
import { type PolicyOptions, policyOf } from '../../../src/db/routing/options.ts';

const lenient = { maxLagMs: 10_000, maxLagBytes: 268_435_456, waitMs: 100, otherwise: 'stale' } as const;

describe('a policy', () => {
  test('has its defaults', () => {
    expect(policyOf()).toEqual({
      includePrimary: 0,
      classes: { default: lenient },
      fallback: { concurrent: 4, perSecond: 1_000, writeSlowdown: 1.5 },
      probeIntervalMs: 2_000,
      silenceMs: 1_000,
      primaryWaitMs: 5_000,
      writingFunctions: [],
    });
  });

  test('has what is given beside the rest, also inside', () => {
    const policy = policyOf({ silenceMs: 300, fallback: { concurrent: 2 } });
    expect(policy).toMatchObject({
      silenceMs: 300,
      primaryWaitMs: 5_000,
      fallback: { concurrent: 2, perSecond: 1_000, writeSlowdown: 1.5 },
    });
  });

  test('has classes that are like its default one but for what they say', () => {
    const { classes } = policyOf({ classes: { default: { waitMs: 7 }, live: { maxLagMs: 500 } } });
    expect(classes).toEqual({
      default: { ...lenient, waitMs: 7 },
      live: { ...lenient, waitMs: 7, maxLagMs: 500 },
    });
  });

  test.each<readonly [maxLagMs: number, probeIntervalMs: number]>([
    [10_000, 2_000],
    [3_000, 1_500],
    [900, 450],
    [120, 60],
    [1, 10],
    [0, 10],
  ])('whose tightest class allows a lag of %d ms asks every %d ms', (maxLagMs, probeIntervalMs) => {
    expect(policyOf({ classes: { live: { maxLagMs } } }).probeIntervalMs).toBe(probeIntervalMs);
    expect(policyOf({ classes: { live: { maxLagMs } }, probeIntervalMs: 77 }).probeIntervalMs).toBe(77);
  });

  test.each<readonly [given: PolicyOptions, message: string]>([
    [{ includePrimary: -0.5 }, 'includePrimary is -0.5: it must be at least 0'],
    [{ includePrimary: Number.POSITIVE_INFINITY }, 'includePrimary is Infinity: it must be a finite weight'],
    [{ probeIntervalMs: 0 }, 'probeIntervalMs is 0: it must be at least 1'],
    [{ silenceMs: 0 }, 'silenceMs is 0: it must be at least 1'],
    [{ primaryWaitMs: -1 }, 'primaryWaitMs is -1: it must be at least 0'],
    [{ fallback: { concurrent: 0 } }, 'fallback.concurrent is 0: it must be at least 1'],
    [{ fallback: { perSecond: 0.5 } }, 'fallback.perSecond is 0.5: it must be at least 1'],
    [{ fallback: { writeSlowdown: 0.9 } }, 'fallback.writeSlowdown is 0.9: it must be at least 1'],
    [{ classes: { live: { maxLagMs: -1 } } }, 'classes.live.maxLagMs is -1: it must be at least 0'],
    [{ classes: { live: { maxLagBytes: -1 } } }, 'classes.live.maxLagBytes is -1: it must be at least 0'],
    [{ classes: { default: { waitMs: -1 } } }, 'classes.default.waitMs is -1: it must be at least 0'],
    [{ silenceMs: Number.NaN }, 'silenceMs is NaN: it must be at least 1'],
    [{ classes: { live: { maxLagMs: Number.NaN } } }, 'classes.live.maxLagMs is NaN: it must be at least 0'],
  ])('%o is refused', (given, message) => {
    expect(() => policyOf(given)).toThrow(new RangeError(message));
  });

  test('may leave everything open', () => {
    const given = {
      ...{ includePrimary: 0.5, probeIntervalMs: 1, silenceMs: 1, primaryWaitMs: 0 },
      fallback: { concurrent: 1, perSecond: 1 },
      classes: {
        any: { maxLagMs: Number.POSITIVE_INFINITY, maxLagBytes: Number.POSITIVE_INFINITY, waitMs: 0 },
      },
    };
    expect(policyOf(given)).toMatchObject(given);
  });
});
