import { describe, expect, test } from 'vitest';
import { predict, predictionInterval, predictionP } from '../../bench/analysis/prediction-interval.ts';
import { studentT, studentTQuantile } from '../../bench/analysis/student-t.ts';
import fixtures from './fixtures/gate-statistics.json' with { type: 'json' };

describe("Student's t", () => {
  test.each(fixtures.studentT)('of $t with $df degrees of freedom is that of SciPy', ({ df, t, p }) => {
    expect(studentT(t, df)).toBeCloseTo(p, 11);
  });

  test.each(fixtures.studentTQuantile)('has the quantile of SciPy at $probability with $df', (fixture) => {
    const { df, probability, t } = fixture;
    expect(Math.abs(studentTQuantile(probability, df) - t)).toBeLessThan(1e-9 * Math.max(1, Math.abs(t)));
  });
});

describe('a prediction interval', () => {
  test.each(fixtures.prediction)('of $values.length values at $confidence is that of SciPy', (fixture) => {
    const prediction = predict(fixture.values);
    if (prediction === null) throw new Error('expected a prediction');
    const { low, high } = predictionInterval(prediction, fixture.confidence);
    expect(low).toBeCloseTo(fixture.low, 11);
    expect(high).toBeCloseTo(fixture.high, 11);
    expect(predictionP(prediction, fixture.values[0] ?? 0)).toBeCloseTo(fixture.firstP, 11);
  });

  test('needs ten values that differ', () => {
    const nine = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    expect(predict(nine)).toBeNull();
    expect(predict([...nine, 10])).toMatchObject({ centre: 5.5, degreesOfFreedom: 9 });
    expect(predict(Array<number>(12).fill(0.02))).toBeNull();
  });
});
