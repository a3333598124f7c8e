import { describe, expect, test } from 'vitest';
import { decideGate } from '../../../bench/analysis/gate/decide.ts';
import { predict, predictionInterval } from '../../../bench/analysis/prediction-interval.ts';
import type { GateResult, GateRules } from '../../../bench/model.ts';
import { gaussian, mulberry32 } from '../journal-builder.ts';
import { armWith, blocksUpTo, spread } from './gate-arms.ts';

/** Twelve runs in which the candidate had 5 % more CPU and 4 % fewer requests than the anchor. */
const cpu = [0.05, 0.04, 0.06, 0.045, 0.055, 0.05, 0.038, 0.062, 0.047, 0.053, 0.05, 0.049];
const rates = cpu.map((value) => 0.01 - value);
const rules: GateRules = {
  metrics: [
    { metric: 'app.cpuMsPerRequest', minEffect: 0.03, tolerance: 0.08 },
    { metric: 'read.qps', minEffect: 0.05, tolerance: 0.1 },
  ],
  guards: [],
  looks: [8],
  alpha: 0.05,
  history: { confidence: 0.99, logRatios: { 'app.cpuMsPerRequest': cpu, 'read.qps': rates } },
};

/** Of a candidate that is so many times the anchor in every block. */
function decide(cpuRatio: number, qpsRatio: number, changed: Partial<GateRules> = {}): GateResult {
  const anchor = { 'app.cpuMsPerRequest': spread(1.8, 8), 'read.qps': spread(400, 8) };
  const candidate = {
    'app.cpuMsPerRequest': anchor['app.cpuMsPerRequest'].map((value) => value * cpuRatio),
    'read.qps': anchor['read.qps'].map((value) => value * qpsRatio),
  };
  return decideGate(
    { ...rules, ...changed },
    armWith('anchor', anchor),
    armWith('candidate', candidate),
    blocksUpTo(8),
  );
}

describe('a gate by history', () => {
  test('passes what is as far from the anchor as earlier states were', () => {
    const gate = decide(Math.exp(0.05), Math.exp(-0.04));
    expect(gate.verdict).toBe('pass');
    // 5 % above the anchor is where the history is, so nothing has changed.
    expect(gate.rows[0]?.effect).toBeCloseTo(0, 3);
    expect(gate.rows[1]?.effect).toBeCloseTo(0, 3);
  });

  test('fails what is further away than a next run would be', () => {
    const gate = decide(Math.exp(0.05) * 1.06, Math.exp(-0.04));
    expect(gate.verdict).toBe('fail');
    expect(gate.rows.map(({ verdict }) => verdict)).toEqual(['fail', 'pass']);
    expect(gate.rows[0]?.sentence).toMatch(
      /^CPU per request is 6\.0 % higher \[.*\] than in 12 earlier runs, all against the anchor, more than the 3 % that fail a gate, 8 blocks\.$/,
    );
    expect(decide(Math.exp(0.05), Math.exp(-0.04) * 0.9).rows[1]).toMatchObject({ verdict: 'fail' });
  });

  test('fails exactly beyond the 99 % interval, where the minimum effect is below it', () => {
    const expected = predict(cpu);
    const { high } = predictionInterval(expected ?? { centre: 0, error: 1, degreesOfFreedom: 1 }, 0.99);
    const low = { metrics: [{ metric: 'app.cpuMsPerRequest', minEffect: 0.001, tolerance: 0.08 }] } as const;
    expect(decide(Math.exp(high + 1e-6), 1, low).verdict).toBe('fail');
    expect(decide(Math.exp(high - 1e-6), 1, low).verdict).toBe('pass');
  });

  test('leaves open what a wide history cannot tell, however usual it looks', () => {
    const wide = cpu.map((value) => 0.05 + (value - 0.05) * 8);
    const history = { confidence: 0.99, logRatios: { 'app.cpuMsPerRequest': wide, 'read.qps': rates } };
    const gate = decide(Math.exp(0.05), Math.exp(-0.04), { history });
    expect(gate.verdict).toBe('inconclusive');
    expect(gate.rows[0]?.sentence).toContain('a rise of 8 % or more is not ruled out');
  });

  test('passes and fails nothing by fewer than ten runs', () => {
    const logRatios = { 'app.cpuMsPerRequest': cpu.slice(0, 9), 'read.qps': rates };
    const gate = decide(2, Math.exp(-0.04), { history: { confidence: 0.99, logRatios } });
    expect(gate.verdict).toBe('inconclusive');
    expect(gate.rows[0]).toMatchObject({ effect: null, verdict: 'inconclusive' });
    expect(gate.rows[0]?.sentence).toBe(
      'CPU per request cannot be judged: of earlier runs against the anchor 9 have it, and 10 that differ are needed.',
    );
  });

  test('in a thousand simulated histories fails one equal build in 200, and passes one regression in twenty', () => {
    const random = mulberry32(8);
    const one = { metrics: [{ metric: 'app.cpuMsPerRequest', minEffect: 0.001, tolerance: 0.08 }] } as const;
    const verdictsOf = (shift: number): readonly string[] =>
      Array.from({ length: 1000 }, () => {
        const stored = Array.from({ length: 12 }, () => 0.05 + 0.025 * gaussian(random));
        const next = 0.05 + shift + 0.025 * gaussian(random);
        const history = { confidence: 0.99, logRatios: { 'app.cpuMsPerRequest': stored } };
        return decide(Math.exp(next), 1, { ...one, history }).verdict;
      });
    const share = (verdicts: readonly string[], verdict: string): number =>
      verdicts.filter((each) => each === verdict).length / verdicts.length;
    // Four standard errors about 0.5 % and 5 %.
    expect(share(verdictsOf(0), 'fail')).toBeLessThan(0.014);
    const regressed = share(verdictsOf(Math.log(1.08)), 'pass');
    expect(regressed).toBeLessThan(0.078);
    expect(regressed).toBeGreaterThan(0.022);
  });
});
