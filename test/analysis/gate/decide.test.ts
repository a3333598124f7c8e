import { describe, expect, test } from 'vitest';
import { decideGate } from '../../../bench/analysis/gate/decide.ts';
import { isSettled } from '../../../bench/analysis/gate/decided.ts';
import type { GateResult, GateRules, MetricId } from '../../../bench/model.ts';
import { armWith, blocksUpTo, spread } from './gate-arms.ts';

const rules: GateRules = {
  metrics: [
    { metric: 'read.p95Ms', minEffect: 0.08, tolerance: 0.15 },
    { metric: 'read.qps', minEffect: 0.05, tolerance: 0.1 },
  ],
  guards: [],
  looks: [8, 14],
  alpha: 0.05,
};

/** Both metrics the same in both arms, but for what is given of the candidate. */
function decide(
  candidate: Readonly<Partial<Record<MetricId, readonly (number | undefined)[]>>>,
  blocks = 14,
  changed: Partial<GateRules> = {},
): GateResult {
  const same = { 'read.p95Ms': spread(20, 14), 'read.qps': spread(400, 14) };
  return decideGate(
    { ...rules, ...changed },
    armWith('reference', same),
    armWith('candidate', { ...same, ...candidate }),
    blocksUpTo(blocks),
  );
}

const times = (factor: number, from: readonly number[]): readonly number[] =>
  from.map((value, index) => value * factor * (1 + 0.01 * Math.sin(index * 1.7)));
const p95 = (factor: number): readonly number[] => times(factor, spread(20, 14));
const qps = (factor: number): readonly number[] => times(factor, spread(400, 14));

/** Factors that show nothing. */
const wild = [1.4, 0.7, 1.3, 0.8, 1.5, 0.75, 1.2, 0.9, 1.35, 0.72, 1.28, 0.83, 1.45, 0.7];

describe('a gate', () => {
  test('passes at the first look that shows every metric within its tolerance', () => {
    const gate = decide({ 'read.p95Ms': p95(1.01), 'read.qps': qps(0.99) });
    expect(gate.verdict).toBe('pass');
    expect(gate.looks.map(({ blocks }) => blocks)).toEqual([8]);
    expect(gate.rows.map(({ verdict, blocks }) => [verdict, blocks])).toEqual([
      ['pass', 8],
      ['pass', 8],
    ]);
    // Half of 5 % at each look: 1 - 2 x 0.025 at least, and 1 - 2 x 5/256 is what eight blocks have.
    expect(gate.rows[0]?.confidence).toBeCloseTo(1 - 10 / 256, 12);
  });

  test('fails for one metric that is worse, whatever the other does', () => {
    const gate = decide({ 'read.p95Ms': p95(1.3), 'read.qps': qps(1.2) });
    expect(gate.verdict).toBe('fail');
    expect(gate.rows.map(({ verdict }) => verdict)).toEqual(['fail', 'pass']);
    const [row] = gate.rows;
    expect(row?.effect).toBeCloseTo(0.3, 1);
    // All eight blocks worse: 1/256, of two metrics the smaller counts twice.
    expect(row?.failP).toBe(1 / 256);
    expect(row?.adjustedFailP).toBe(2 / 256);
    expect(row?.reference).toBeCloseTo(20, 0);
  });

  test('counts fewer requests as worse, by their share of the reference', () => {
    const fewer = decide({ 'read.qps': qps(0.8) }).rows[1];
    expect(fewer).toMatchObject({ verdict: 'fail', direction: 'higher-is-better' });
    expect(fewer?.effect).toBeCloseTo(0.2, 2);
    expect(decide({ 'read.qps': qps(1.25) }).rows[1]?.effect).toBeCloseTo(-0.25, 2);
  });

  test('does not fail for what is surely worse and yet small', () => {
    const gate = decide({ 'read.p95Ms': p95(1.04) });
    expect(gate.rows[0]?.adjustedFailP).toBeLessThan(0.025);
    expect(gate).toMatchObject({ verdict: 'pass' });
  });

  test('fails for what lies between minimum and tolerance, although a pass is shown as well', () => {
    const gate = decide({ 'read.p95Ms': p95(1.1) });
    expect(gate.rows[0]?.passP).toBeLessThan(0.025);
    expect(gate.verdict).toBe('fail');
  });

  test('goes on while a metric is open, and is inconclusive at the cap', () => {
    const open = decide({ 'read.p95Ms': wild.map((factor) => factor * 20) });
    expect(open.verdict).toBe('inconclusive');
    expect(open.looks.map(({ blocks }) => blocks)).toEqual([8, 14]);
    expect(open.rows.map(({ verdict }) => verdict)).toEqual(['inconclusive', 'pass']);
  });

  test('says nothing before its first look, however clear the blocks are', () => {
    const early = decide({ 'read.p95Ms': p95(2) }, 7);
    expect(early).toMatchObject({ verdict: 'inconclusive', looks: [] });
    expect(early.rows[0]).toMatchObject({ verdict: 'inconclusive', blocks: 7 });
    expect(early.rows[0]?.effect).toBeCloseTo(1, 0);
    expect(decide({}, 0).rows[0]).toMatchObject({ effect: null, low: null, failP: null, blocks: 0 });
  });

  test('looks at its looks alone: blocks in between change nothing', () => {
    const noisy = [...wild.slice(0, 8), 3, 3.1, 3.2, 3.3, 3.4, 3.5].map((factor) => factor * 20);
    const [at8, at11, at13] = [8, 11, 13].map((blocks) => decide({ 'read.p95Ms': noisy }, blocks));
    expect(at8?.verdict).toBe('inconclusive');
    expect(at11?.rows).toEqual(at8?.rows);
    expect(at13?.rows).toEqual(at8?.rows);
    expect(decide({ 'read.p95Ms': noisy }, 14).verdict).toBe('fail');
  });

  test('keeps to the first look that decides, whatever was measured afterwards', () => {
    const thenBad = [...p95(1).slice(0, 8), ...p95(3).slice(8)];
    expect(decide({ 'read.p95Ms': thenBad })).toMatchObject({ verdict: 'pass' });
    expect(decide({ 'read.p95Ms': thenBad }).looks).toHaveLength(1);
  });

  test('takes the first blocks that both arms finished, in the order of their numbers', () => {
    const shifted = decideGate(
      rules,
      armWith('reference', { 'read.p95Ms': spread(20, 14), 'read.qps': spread(400, 14) }),
      armWith('candidate', { 'read.p95Ms': [99, ...p95(1)], 'read.qps': [99, ...qps(1)] }),
      [9, 8, 7, 6, 5, 4, 3, 2],
    );
    expect(shifted.looks).toHaveLength(1);
    expect(shifted.verdict).toBe('pass');
  });

  test('with no metric and no guard passes nothing', () => {
    expect(decide({}, 14, { metrics: [] }).verdict).toBe('inconclusive');
  });
});

describe('a metric that is missing or zero', () => {
  const holes = p95(1).map((value, index) => (index === 3 ? undefined : value));

  test.each([
    ['is missing in one block', { 'read.p95Ms': holes }],
    ['is missing altogether', { 'read.p95Ms': [] }],
    ['is zero in one block', { 'read.qps': qps(1).map((value, index) => (index === 7 ? 0 : value)) }],
    [
      'is no number in one block',
      { 'read.qps': qps(1).map((value, index) => (index === 7 ? Number.NaN : value)) },
    ],
  ])('passes never: it %s', (_, candidate) => {
    const gate = decide(candidate);
    expect(gate.verdict).toBe('inconclusive');
    expect(gate.rows.filter(({ effect }) => effect === null)).toMatchObject([
      { verdict: 'inconclusive', failP: null, adjustedFailP: null, passP: null, confidence: null },
    ]);
  });

  test('leaves the others their full correction, and lets them fail', () => {
    const gate = decide({ 'read.p95Ms': holes, 'read.qps': qps(0.7) });
    expect(gate.verdict).toBe('fail');
    expect(gate.rows[1]?.adjustedFailP).toBe(2 / 256);
  });

  test('of the reference is as bad', () => {
    const gate = decideGate(
      rules,
      armWith('reference', { 'read.qps': spread(400, 14) }),
      armWith('candidate', { 'read.p95Ms': p95(1), 'read.qps': qps(1) }),
      blocksUpTo(14),
    );
    expect(gate.verdict).toBe('inconclusive');
    expect(gate.rows[0]).toMatchObject({ effect: null, reference: null });
  });
});

describe('the sentences', () => {
  test('of a fail name metric, size, interval, limit and n', () => {
    const gate = decide({ 'read.p95Ms': spread(20, 14).map((value) => value * 1.124) });
    expect(gate.rows[0]?.sentence).toBe(
      'Read P95 is 12.4 % higher [12.4 to 12.4], more than the 8 % that fail a gate, 8 blocks.',
    );
    expect(gate.sentence).toBe(`The candidate fails after 8 blocks. ${gate.rows[0]?.sentence}`);
    const slower = decide({ 'read.qps': spread(400, 14).map((value) => value * 0.85) });
    expect(slower.rows[1]?.sentence).toBe(
      'Read QPS is 15.0 % lower [15.0 to 15.0], more than the 5 % that fail a gate, 8 blocks.',
    );
  });

  test('of a pass name what came closest', () => {
    const gate = decide({
      'read.p95Ms': spread(20, 14).map((value) => value * 0.98),
      'read.qps': spread(400, 14).map((value) => value * 0.96),
    });
    expect(gate.rows.map(({ sentence }) => sentence)).toEqual([
      'Read P95 is 2.0 % lower [2.0 to 2.0]: a rise of 15 % or more is ruled out, 8 blocks.',
      'Read QPS is 4.0 % lower [4.0 to 4.0]: a fall of 10 % or more is ruled out, 8 blocks.',
    ]);
    expect(gate.sentence).toBe(
      `The candidate passes after 8 blocks. None of the 2 gated metrics is worse by its tolerance; the closest: ${gate.rows[1]?.sentence}`,
    );
  });

  test('turn an interval round together with its sign', () => {
    const steps = [0.9, 0.92, 0.94, 0.96, 0.98, 1, 1.02, 1.04];
    const gate = decide(
      { 'read.p95Ms': spread(20, 8).map((value, index) => value * (steps[index] ?? 1)) },
      8,
    );
    const { low, high, sentence } = gate.rows[0] ?? {};
    const shown = [-(high ?? 0), -(low ?? 0)].map((end) => (end * 100).toFixed(1).replace('-', '−'));
    expect(shown[0]).toMatch(/^−/);
    expect(sentence).toContain(`% lower [${shown[0]} to ${shown[1]}]: a rise`);
  });

  test('of an open gate say what is open and when it decides', () => {
    const candidate = { 'read.p95Ms': wild.map((factor) => factor * 20) };
    expect(decide(candidate, 10).sentence).toBe(
      'Not decided: 10 blocks of at most 14 finished; it decides after 14.',
    );
    expect(decide(candidate, 14).sentence).toMatch(
      /^Nothing is shown after 14 blocks, the most that this gate measures\. Read P95 is \S+ % (higher|lower) \[.*\]: not enough for a fail, and a rise of 15 % or more is not ruled out, 14 blocks\.$/,
    );
  });

  test('of a hole say how large it is', () => {
    const holes = p95(1).map((value, index) => (index > 5 ? undefined : value));
    expect(decide({ 'read.p95Ms': holes }).rows[0]?.sentence).toBe(
      'Read P95 was not measured in 8 of 14 blocks, so it cannot pass.',
    );
    expect(decide({ 'read.qps': [0, ...qps(1).slice(1)] }).rows[1]?.sentence).toBe(
      'Read QPS was zero in 1 of 14 blocks, so it has no ratio and cannot pass.',
    );
  });
});

describe('a candidate that breaks down', () => {
  const guards = [{ metric: 'errors.ratio', max: 0.01 }] as const;
  const errors = (reference: readonly number[], candidate: readonly number[]): GateResult =>
    decideGate(
      { ...rules, guards },
      armWith('reference', { 'errors.ratio': reference, 'read.p95Ms': spread(20, 14) }),
      armWith('candidate', { 'errors.ratio': candidate, 'read.p95Ms': p95(40) }),
      blocksUpTo(candidate.length),
    );

  test('fails after three blocks, with size and interval', () => {
    const gate = errors([0, 0.01, 0], [0.2, 0.3, 0.04]);
    expect(gate).toMatchObject({ verdict: 'fail', looks: [{ blocks: 3 }] });
    expect(gate.sentence).toMatch(
      /^The candidate breaks down: it fails after 3 blocks\. errors\.ratio of candidate is 20\.00 % \[4\.00 % to 30\.00 %, 3 blocks\] and misses its bound, at most 1\.00 %\./,
    );
    expect(isSettled(gate)).toBe(true);
    // What comes later changes nothing.
    expect(errors([0, 0, 0, 0], [0.2, 0.3, 0.04, 0]).looks).toMatchObject([{ blocks: 3 }]);
  });

  test.each([
    ['two blocks are too few', [0, 0], [0.5, 0.5]],
    ['one block kept the bound nearly', [0, 0, 0], [0.5, 0.5, 0.029]],
    ['the reference missed it once, too', [0, 0.011, 0], [0.5, 0.5, 0.5]],
  ])('but not when %s', (_name, reference, candidate) => {
    expect(errors(reference, candidate)).toMatchObject({ verdict: 'inconclusive', looks: [] });
  });
});
