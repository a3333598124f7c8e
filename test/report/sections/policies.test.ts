import { describe, expect, test } from 'vitest';
import { compareMetrics } from '../../../bench/analysis/compare.ts';
import type {
  ArmResult,
  Consistency,
  FaultPhase,
  FaultWindow,
  MetricValue,
  RunResult,
} from '../../../bench/model.ts';
import { headOf, type Section, type Table } from '../../../bench/report/section.ts';
import { consistencySection } from '../../../bench/report/sections/consistency.ts';
import { faultSection } from '../../../bench/report/sections/faults.ts';
import { policySection } from '../../../bench/report/sections/policies.ts';
import { foldJournal } from '../../analysis/fold-journal.ts';
import { buildJournal } from '../../analysis/journal-builder.ts';

const two = foldJournal(buildJournal());

const same = (value: number): MetricValue => ({
  ...{ value, low: value, high: value, blocks: 6 },
  perBlock: Array.from({ length: 6 }, (_, index) => ({ block: index + 1, value })),
});

const consistency: Consistency = {
  reads: 1_000,
  withoutVersion: 0,
  stale: 25,
  staleMs: { p50: 3, p95: 40, p99: 90, max: 120 },
  staleVersions: { p50: 1, p95: 1, p99: 2, max: 2 },
  ownWrites: { checked: 400, violations: 8 },
  monotonic: { checked: 300, violations: 3 },
  byNode: {
    replica1: { reads: 600, stale: 25, ownWriteViolations: 8, monotonicViolations: 3 },
    replica2: { reads: 400, stale: 0, ownWriteViolations: 0, monotonicViolations: 0 },
  },
  freshness: [
    { belowMs: 10, reads: 50, fresh: 40 },
    { belowMs: null, reads: 100, fresh: 100 },
  ],
};

const phase = (requests: number, p95Ms: number | null, failed = 0, rejected = 0): FaultPhase => ({
  ...{ requests, failed, rejected, p95Ms },
});
const fault: FaultWindow = {
  ...{ fault: 'kill', nodes: ['replica1'], fromMs: 3_000, toMs: 6_000, readsAgainMs: 800 },
  read: {
    before: phase(300, 10),
    first: phase(200, null, 30),
    during: phase(100, 11, 2, 1),
    after: phase(600, 10.5, 1),
    settledMs: 1_250,
  },
  write: {
    ...{ before: phase(30, 20), first: phase(20, 24), during: phase(0, null), after: phase(60, 21) },
    settledMs: 0,
  },
};

/** Baseline, replicated, and a third arm with sessions. */
function three(
  told: (block: number) => object = () => ({ consistency, faults: [fault] }),
  metrics: ArmResult['metrics'] = {},
): RunResult {
  const [baseline, replicated] = two.arms;
  if (baseline === undefined || replicated === undefined) throw new Error('expected two arms');
  const third: ArmResult = {
    ...replicated,
    slices: replicated.slices.map((slice) =>
      slice.kind === 'steady' ? { ...slice, ...told(slice.block) } : slice,
    ),
    name: 'balanced+ryw',
    routing: 'balanced',
    settings: { DB_SESSIONS: 'header' },
    metrics: {
      ...replicated.metrics,
      'stale.ratio': same(0.025),
      'ryw.violationsPer10k': same(200),
      'monotonic.violationsPer10k': same(100),
      ...metrics,
    },
  };
  const comparison = compareMetrics(baseline.metrics, third.metrics, { interleaved: true });
  return { ...two, arms: [baseline, replicated, third], further: [{ arm: third.name, comparison }] };
}

const tables = (section: Section | null): readonly Table[] =>
  section?.blocks.flatMap((block) => (block.kind === 'table' ? [block] : [])) ?? [];

describe('policies', () => {
  test('are not told of twice: two arms without versions are in the main table', () => {
    expect(policySection(two)).toBeNull();
  });

  test('stand side by side, with what each costs and what its clients saw', () => {
    const [values, seen, changes] = tables(policySection(three()));
    expect(values?.rows.map(([arm]) => arm)).toEqual(['baseline', 'replicated', 'balanced+ryw']);
    expect(seen?.rows[0]).toEqual(['baseline', '–', '–', '–']);
    expect(seen?.rows[2]).toEqual(['balanced+ryw', '2.5 %', '200, n = 2,400', '100, n = 1,800']);
    expect(changes?.rows.map(([arm]) => arm)).toEqual(['replicated', 'balanced+ryw']);
    expect(changes?.rows[0]?.[1]).toMatch(/^\+113 % \[\+97 to \+119\]$/);
  });

  const seen = (block: number, checked: number, violations: number): object => ({
    consistency: {
      ...consistency,
      ownWrites: { checked, violations },
      monotonic: { checked, violations: 0 },
      stale: block === 1 ? 25 : 0,
    },
  });
  const lastCells = (result: RunResult): readonly string[] | undefined =>
    tables(policySection(result))[1]?.rows[2]?.slice(-3);

  test('pool what was seen over the blocks: one block in six is not left out, and a small one counts for little', () => {
    // 3 of 100 in one block, none of 1,000 in each of five; the median of the blocks would be 0.
    const result = three((block) => seen(block, block === 1 ? 100 : 1_000, block === 1 ? 3 : 0));
    expect(lastCells(result)).toEqual(['0.42 %', '5.88, n = 5,100', '0 (< 5.88), n = 5,100']);
  });

  test('bound what was not seen by its n: three in so many, at 95 % confidence', () => {
    expect(lastCells(three((block) => seen(block, 50, 0)))?.at(1)).toBe('0 (< 100), n = 300');
    expect(lastCells(three((block) => seen(block, 0, 0)))?.slice(1)).toEqual(['–', '–']);
  });

  const takenOver = (part: object = {}): object => ({
    app: {
      ...{ eventLoopDelayP99Ms: null, gcPercent: null, poolWaiting: null, poolInUse: null },
      ...{ cacheHitPercent: null, cacheErrorPercent: null },
      takenOver: { rateHz: 0, limitHz: 1_000, most: 0, limit: 4, rejectedHz: 0, ...part },
    },
  });

  test('say what the primary took over for replicas, and what it refused, in the worst block', () => {
    const result = three((block) =>
      takenOver(block === 2 ? { rateHz: 120, most: 4 } : block === 3 ? { rejectedHz: 7.5, rateHz: 20 } : {}),
    );
    const [, , , taken] = tables(policySection(result));
    expect(taken?.columns.map(headOf)[0]).toBe('in the place of replicas, most of any block');
    expect(taken?.rows).toEqual([['balanced+ryw', '120', '1,000', '4.00', '4.00', '7.50']]);
  });

  test('say nothing of it where it took over nothing, or nobody tells', () => {
    expect(tables(policySection(three(() => takenOver())))).toHaveLength(3);
    expect(tables(policySection(three()))).toHaveLength(3);
  });

  test('say what the application was told', () => {
    const section = policySection(three());
    expect(JSON.stringify(section)).toContain('balanced+ryw: `DB_SESSIONS=header`');
  });
});

describe('what clients saw', () => {
  test('is told by node, with how stale and how soon fresh', () => {
    const blocks = two.arms[0]?.slices.filter(({ kind }) => kind === 'steady').length ?? 0;
    const [byNode, staleness, curve] = tables(consistencySection(three()));
    expect(byNode?.rows).toEqual([
      [
        'balanced+ryw',
        'replica1',
        (600 * blocks).toLocaleString('en'),
        `${25 * blocks} (4.2 %)`,
        String(8 * blocks),
        String(3 * blocks),
      ],
      ['balanced+ryw', 'replica2', (400 * blocks).toLocaleString('en'), '0 (0 %)', '0', '0'],
    ]);
    expect(staleness?.rows[0]).toEqual([
      'balanced+ryw',
      'age of what was missed (ms)',
      '3.00',
      '40.0',
      '90.0',
      '120',
    ]);
    expect(curve?.rows).toEqual([
      ['below 10.0 ms', `80 % (n = ${50 * blocks})`],
      ['later', `100 % (n = ${100 * blocks})`],
    ]);
    expect(consistencySection(two)).toBeNull();
    expect(JSON.stringify(consistencySection(three()))).not.toContain('told no version');
  });

  test('says how many answers it knows nothing of', () => {
    const section = consistencySection(
      three(() => ({ consistency: { ...consistency, withoutVersion: 20 } })),
    );
    expect(JSON.stringify(section)).toContain(
      'Answers that told no version, and are in no figure here: 120 of balanced+ryw.',
    );
  });
});

describe('faults', () => {
  const rowsOf = (result: RunResult) => tables(faultSection(result)).map(({ rows }) => rows[0]);

  test('are told with their times, what was lost in them, and how long it was felt', () => {
    const [reads, writes] = tables(faultSection(three()));
    expect(reads?.columns.map(headOf)).toEqual([
      ...['arm', 'reads', 'failed', 'come again', 'P95 before (ms)', 'first 2 s', 'during', '÷ before'],
      ...['after', 'settled after (s)', 'back after (s)'],
    ]);
    // Of six blocks together: from the beginning of the fault on.
    expect(reads?.rows).toEqual([
      [
        ...['balanced+ryw', '5,400', '198', '6', '10.0'],
        ...[
          'endless',
          '11.0',
          '1.10 [1.10 to 1.10]',
          '10.5',
          '1.25 [1.25 to 1.25]',
          '0.800 [0.800 to 0.800]',
        ],
      ],
    ]);
    expect(writes?.rows).toEqual([
      [...['balanced+ryw', '480', '0', '0', '20.0'], ...['24.0', '–', '–', '21.0', '0 [0 to 0]']],
    ]);
    expect(JSON.stringify(faultSection(three()))).toContain('kill on replica1, from 3.00 to 6.00 s.');
    expect(faultSection(two)).toBeNull();
  });

  test('have the blocks’ median and both ends, and say “never” and “end” where there is none', () => {
    const worse: FaultWindow = {
      ...{ ...fault, toMs: null, readsAgainMs: null },
      read: { ...fault.read, during: phase(100, null, 20), after: phase(0, null), settledMs: null },
    };
    const [reads] = rowsOf(three((block) => ({ faults: [block === 1 ? worse : fault] })));
    expect(reads?.slice(5)).toEqual([
      ...[
        'endless',
        '11.0',
        '1.10 [1.10 to never]',
        '10.5',
        '1.25 [1.25 to never]',
        '0.800 [0.800 to 0.800]',
      ],
    ]);
    const whole = three(() => ({ faults: [worse] }));
    expect(JSON.stringify(faultSection(whole))).toContain('kill on replica1, from 3.00 to the end.');
    const [all] = rowsOf(whole);
    expect(all?.slice(5)).toEqual([
      'endless',
      'endless',
      'never [never to never]',
      '–',
      'never [never to never]',
      '–',
    ]);
  });

  test('with nothing before have nothing to be compared with', () => {
    const first: FaultWindow = {
      ...fault,
      fromMs: 0,
      read: { ...fault.read, before: phase(0, null), settledMs: null },
    };
    const [reads] = rowsOf(three(() => ({ faults: [first] })));
    expect(reads?.slice(4)).toEqual(['–', 'endless', '11.0', '–', '10.5', '–', '0.800 [0.800 to 0.800]']);
  });

  test('say “never” of a node that was mended and not used again', () => {
    const unused = three((block) => ({ faults: [block < 4 ? fault : { ...fault, readsAgainMs: null }] }));
    expect(rowsOf(unused)[0]?.at(-1)).toMatch(/^never \[0\.800 to never\]$|^0\.800 \[0\.800 to never\]$/);
  });

  test('of one arm are one row each', () => {
    const other: FaultWindow = {
      ...fault,
      fault: 'pause',
      nodes: ['replica1', 'replica2'],
      fromMs: 7_000,
      toMs: 8_000,
    };
    const [reads] = tables(faultSection(three(() => ({ faults: [fault, other] }))));
    expect(reads?.rows.map(([, what]) => what)).toEqual([
      'kill on replica1, from 3.00 to 6.00 s',
      'pause on replica1, replica2, from 7.00 to 8.00 s',
    ]);
  });
});
