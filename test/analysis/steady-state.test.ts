import { describe, expect, test } from 'vitest';
import { assessSteadyState } from '../../bench/analysis/steady-state.ts';
import type { Finding, JournalEntry, LoadProgress } from '../../bench/model.ts';
import { foldJournal } from './fold-journal.ts';
import { buildJournal, buildLoad, gaussian, mulberry32 } from './journal-builder.ts';

type SliceEnd = Extract<JournalEntry, { readonly type: 'slice-end' }>;

const journal = buildJournal({ blocks: 1, sliceMs: 600, replicated: null });
const [{ plan }] = journal as readonly [Extract<JournalEntry, { readonly type: 'plan' }>];

const end = (seconds: number, changed: Partial<SliceEnd> = {}): SliceEnd => ({
  ...{ type: 'slice-end', atMs: 0, arm: 'baseline', block: 2, kind: 'steady', offeredRateHz: 600 },
  load: buildLoad({ startedAtMs: 1000, durationMs: seconds * 1000 }),
  ...changed,
});

/** A line a second, from the first of the slice on. */
function progress(seconds: number, readMs: (second: number) => number | null): readonly LoadProgress[] {
  return Array.from({ length: seconds }, (_, second) => ({
    ...{ atMs: 2000 + second * 1000, due: 0, completed: 0, inFlight: 0, waiting: 0 },
    interval: { read: { count: 500, p95Ms: readMs(second) }, write: { count: 0, p95Ms: null } },
  }));
}

function noisy(level: (second: number) => number): (second: number) => number {
  const random = mulberry32(9);
  return (second) => level(second) * Math.exp(0.1 * gaussian(random));
}

const assess = (...[slice, lines, scenario = plan.scenario]: Partial<Parameters<typeof assessSteadyState>>) =>
  assessSteadyState(slice ?? end(150), lines ?? [], scenario);
const idsOf = (findings: readonly Finding[]): readonly string[] => findings.map(({ id }) => id);

describe('the steady state of a slice', () => {
  test('is there when latency came to rest in the first half', () => {
    expect(
      assess(
        end(150),
        progress(
          150,
          noisy(() => 20),
        ),
      ),
    ).toEqual([]);
    expect(
      assess(
        end(150),
        progress(
          150,
          noisy((second) => (second < 40 ? 60 : 20)),
        ),
      ),
    ).toEqual([]);
  });

  test('is missing when latency rises to the end, and the finding says where and how much', () => {
    const [finding] = assess(
      end(150),
      progress(
        150,
        noisy((second) => 10 * 1.02 ** second),
      ),
    );
    expect(finding).toMatchObject({ severity: 'info', id: 'no-steady-state' });
    expect(finding?.message).toMatch(
      /^baseline, block 2, steady: the P95 of the reads did not come to rest in the first half of the slice \(MSER-5 would cut the first [56]\d %\)/,
    );
  });

  test('is not asked of short slices, saturated ones, or a rate that is meant to change', () => {
    const rising = progress(
      150,
      noisy((second) => 10 * 1.02 ** second),
    );
    expect(assess(end(90), rising)).toEqual([]);
    expect(assess(end(150, { kind: 'read-saturation' }), rising)).toEqual([]);
    const profile = [{ share: 1, from: 1, to: 2 }];
    const spike = { ...plan.scenario, load: { ...plan.scenario.load, profile } };
    expect(assess(end(150), rising, spike)).toEqual([]);
  });

  test('does not count what came before or after the slice', () => {
    const lines = progress(
      300,
      noisy((second) => (second < 150 ? 20 : 60)),
    );
    expect(assess(end(150), lines)).toEqual([]);
    expect(idsOf(assess(end(280), lines))).toEqual(['no-steady-state']);
  });

  test('bears seconds without an answer', () => {
    const level = noisy((second) => 10 * 1.02 ** second);
    expect(
      idsOf(
        assess(
          end(150),
          progress(150, (second) => (second % 9 === 0 ? null : level(second))),
        ),
      ),
    ).toEqual(['no-steady-state']);
  });

  test('is part of the findings of a run', () => {
    const level = noisy((second) => 10 * 1.03 ** second);
    const lines = progress(150, level).map((line) => ({ type: 'progress' as const, ...line }));
    const long = journal.flatMap((entry): readonly JournalEntry[] => {
      if (entry.type !== 'slice-end' || entry.kind !== 'steady') return [entry];
      const load = { ...entry.load, startedAtMs: 1000, durationMs: 150_000 };
      return [...lines, { ...entry, load }];
    });
    expect(idsOf(foldJournal(long).validity.findings)).toContain('no-steady-state');
    expect(idsOf(foldJournal(journal).validity.findings)).not.toContain('no-steady-state');
  });
});
