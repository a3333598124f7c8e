import { describe, expect, test } from 'vitest';
import { decideGate } from '../../../bench/analysis/gate/decide.ts';
import type { GateResult, GateRules, MetricId } from '../../../bench/model.ts';
import { armWith, blocksUpTo, spread } from './gate-arms.ts';

const rules: GateRules = {
  metrics: [{ metric: 'read.p95Ms', minEffect: 0.08, tolerance: 0.15 }],
  guards: [
    { metric: 'errors.ratio', max: 0.01 },
    { metric: 'lag.p95Ms', max: 1000 },
  ],
  looks: [8, 14],
  alpha: 0.05,
};
type Values = Readonly<Partial<Record<MetricId, readonly (number | undefined)[]>>>;
const zeros = Array<number>(14).fill(0);
const fine: Values = { 'read.p95Ms': spread(20, 14), 'errors.ratio': zeros, 'lag.p95Ms': spread(30, 14) };

function decide(candidate: Values, reference: Values = {}, replicas = 2): GateResult {
  const [before, after] = [
    armWith('reference', { ...fine, ...reference }),
    armWith('candidate', { ...fine, ...candidate }),
  ];
  return decideGate(rules, { ...before, replicas }, { ...after, replicas }, blocksUpTo(14));
}

describe('the guards of a gate', () => {
  test('are kept, and a pass says so', () => {
    const gate = decide({});
    expect(gate.verdict).toBe('pass');
    expect(gate.guards.map(({ arm, verdict }) => [arm, verdict])).toEqual([
      ['candidate', 'pass'],
      ['candidate', 'pass'],
    ]);
    expect(gate.sentence).toMatch(/ 2 guards are kept\.$/);
  });

  test('fail a candidate that misses one, though every metric passes', () => {
    const gate = decide({ 'errors.ratio': Array<number>(14).fill(0.02) });
    expect(gate.verdict).toBe('fail');
    expect(gate.rows[0]?.verdict).toBe('pass');
    expect(gate.sentence).toContain('errors.ratio of candidate is 2.00 %');
    expect(gate.sentence).toContain('misses its bound, at most 1.00 %');
  });

  test('fail nobody for what the reference does as well, and pass nobody either', () => {
    const failing = { 'errors.ratio': Array<number>(14).fill(0.03) };
    const gate = decide(failing, failing);
    expect(gate.verdict).toBe('inconclusive');
    expect(gate.guards[0]?.sentence).toMatch(/So does reference, so this is not the candidate's doing\.$/);
  });

  test('neither kept nor missed leave the gate open', () => {
    const between = zeros.map((_, block) => (block % 2 === 0 ? 0 : 0.02));
    expect(decide({ 'errors.ratio': between })).toMatchObject({ verdict: 'inconclusive' });
  });

  test.each([
    { blocks: 1, share: 0.4 },
    { blocks: 2, share: 0.1 },
  ])('do not overlook a share of $share failed requests in $blocks of eight blocks', ({ blocks, share }) => {
    const rare = zeros.map((_, block) => (block < blocks ? share : 0));
    const { guards } = decide({ 'errors.ratio': rare });
    expect(guards[0]).toMatchObject({ verdict: 'inconclusive' });
    expect(guards[0]?.sentence).toMatch(/Over all blocks it is \d\.\d\d %, though\.$/);
  });

  test('that were not seen in every block are not kept', () => {
    const gate = decide({ 'lag.p95Ms': spread(30, 14).map((lag, block) => (block === 5 ? undefined : lag)) });
    expect(gate.verdict).toBe('inconclusive');
    expect(gate.guards[1]).toMatchObject({ metric: 'lag.p95Ms', value: null, verdict: 'inconclusive' });
  });

  test('see the blocks of the look alone', () => {
    const late = zeros.map((_, block) => (block < 8 ? 0 : 0.5));
    expect(decide({ 'errors.ratio': late })).toMatchObject({ verdict: 'pass' });
  });

  test('ask for no lag where there is no replica', () => {
    const gate = decide({ 'lag.p95Ms': [] }, {}, 0);
    expect(gate.verdict).toBe('pass');
    expect(gate.guards.map(({ metric }) => metric)).toEqual(['errors.ratio']);
  });
});
