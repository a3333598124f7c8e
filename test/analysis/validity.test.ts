import { describe, expect, test } from 'vitest';
import { assessLoad } from '../../bench/analysis/validity.ts';
import type { Finding, LoadResult } from '../../bench/model.ts';
import {
  buildLoad,
  buildOperation,
  calmGenerator,
  countOutcomes,
  encodeHistogram,
} from './journal-builder.ts';

const context = { offeredRateHz: 100 };
const spread = (count: number, fromMs: number, toMs: number): string =>
  encodeHistogram(
    Array.from({ length: count }, (_, index) => (fromMs + ((toMs - fromMs) * index) / count) * 1000),
  );
const assess = (load: Partial<LoadResult>): readonly Finding[] => assessLoad(buildLoad(load), context);
const ids = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ severity, id }) => `${severity} ${id}`);

describe('the validity of a load', () => {
  test('finds nothing in a calm one', () => {
    expect(assess({})).toEqual([]);
  });

  test('is gone when the generator used more than 80 % of its core', () => {
    expect(ids(assess({ generator: { ...calmGenerator, cpuPercent: 81 } }))).toEqual([
      'invalid generator-cpu',
    ]);
    expect(assess({ generator: { ...calmGenerator, cpuPercent: 80 } })).toEqual([]);
  });

  test('suffers from an event loop that is late against the latencies', () => {
    const late = (eventLoopDelayP99Ms: number): readonly string[] =>
      ids(assess({ generator: { ...calmGenerator, eventLoopDelayP99Ms } }));
    // The floor: a timer's own 10 to 20 ms say nothing against any latency.
    expect(late(19)).toEqual([]);
    expect(late(25)).toEqual(['warning generator-event-loop']);
    expect(late(51)).toEqual(['invalid generator-event-loop']);
    const slowAnswers = [buildOperation({ responseTime: spread(200, 80, 120) })];
    const starved = { ...calmGenerator, eventLoopDelayP99Ms: 51 };
    expect(assess({ operations: slowAnswers, generator: starved })).toEqual([]);
  });

  test('is gone when most of the latency is the late start of a busy generator', () => {
    const operations = [
      buildOperation({ responseTime: spread(200, 10, 60), scheduleLag: spread(200, 5, 50) }),
    ];
    const busy = { ...calmGenerator, eventLoopDelayP99Ms: 18 };
    expect(ids(assess({ operations, generator: busy }))).toContain('invalid schedule-lag');
  });

  test('stays when an idle generator was held up by a slow system', () => {
    const operations = [
      buildOperation({ responseTime: spread(200, 10, 600), scheduleLag: spread(200, 5, 500) }),
    ];
    expect(ids(assess({ operations }))).toEqual(['warning schedule-lag']);
  });

  test('looks at schedule lag against the latency, and not at all at closed loops', () => {
    const scheduleLag = spread(200, 0, 3);
    expect(ids(assess({ operations: [buildOperation({ scheduleLag })] }))).toEqual(['warning schedule-lag']);
    const slow = buildOperation({ scheduleLag, responseTime: spread(200, 50, 90) });
    expect(assess({ operations: [slow] })).toEqual([]);
    expect(assess({ operations: [buildOperation({ scheduleLag, loop: 'closed' })] })).toEqual([]);
  });

  test('does not take the luck of a Poisson schedule for a missed rate', () => {
    // 100/s for 2 s came out as 188 due requests, all of them answered.
    const operations = [buildOperation({ outcomes: countOutcomes({ ok: 188 }) })];
    expect(assess({ operations })).toEqual([]);
  });

  test('sees that due requests were not answered', () => {
    const outcomes = countOutcomes({ ok: 190, timeout: 10 });
    const found = ids(assess({ operations: [buildOperation({ outcomes })] }));
    expect(found).toEqual(['warning offered-rate-missed', 'warning censored']);
  });

  test('sees a queue that grew until the end, although all of it was answered in the drain', () => {
    // 50/s of 100/s for 2 s: response times grow to as long as the slice, with the queue inside the server.
    const growing = buildOperation({
      inTime: { ok: 100, 'http-error': 0 },
      serviceTime: spread(200, 0, 2000),
      responseTime: spread(200, 0, 2000),
    });
    expect(ids(assess({ drainedMs: 2000, operations: [growing] }))).toEqual(['warning offered-rate-missed']);
    const steady = assessLoad(buildLoad({ operations: [growing] }), { offeredRateHz: 100, steady: true });
    expect(ids(steady)).toEqual(['warning overloaded']);
  });

  test('does not take what is rightly on its way at the end, or the drain of a closed loop, for a queue', () => {
    const settled = buildOperation({
      inTime: { ok: 196, 'http-error': 0 },
      responseTime: spread(200, 10, 60),
    });
    expect(ids(assess({ drainedMs: 900, operations: [settled] }))).toEqual([]);
  });

  test('says beside the percentiles what had no answer in time', () => {
    const outcomes = countOutcomes({ ok: 180, unsent: 12, 'in-flight-at-end': 8 });
    const found = assess({ operations: [buildOperation({ outcomes })] });
    expect(ids(found)).toEqual(['warning offered-rate-missed', 'warning unsent', 'warning censored']);
    expect(found[2]?.message).toContain('20 of 200 requests (10.00 %)');
    expect(found[2]?.message).toContain('P95, P99 and max are a lower bound');
  });

  test('counts errors, and names the operation and the status', () => {
    const failing = (errors: number): readonly Finding[] =>
      assess({
        operations: [
          buildOperation({
            name: 'create-contact',
            outcomes: countOutcomes({ ok: 2000 - errors, 'http-error': errors }),
            statuses: { 201: 2000 - errors, 503: errors },
          }),
        ],
      });
    expect(failing(2)).toEqual([]);
    expect(ids(failing(40))).toEqual(['warning error-ratio']);
    expect(ids(failing(400))).toEqual(['invalid error-ratio']);
    expect(failing(40)[0]?.message).toContain('create-contact 40 x 503');
  });

  test('is gone when nothing was answered, with one finding and not seven', () => {
    const outcomes = countOutcomes({ 'connection-error': 200 });
    expect(ids(assess({ operations: [buildOperation({ outcomes })] }))).toEqual(['invalid no-answers']);
  });

  test('doubts a P95 of few requests', () => {
    const outcomes = countOutcomes({ ok: 60 });
    expect(ids(assess({ operations: [buildOperation({ outcomes })] }))).toEqual(['warning few-answers']);
  });

  test('says where it was, and what to do', () => {
    const load = buildLoad({ generator: { ...calmGenerator, cpuPercent: 97 } });
    const [finding] = assessLoad(load, { where: 'replicated, block 2, steady', offeredRateHz: 100 });
    expect(finding?.message).toMatch(/^replicated, block 2, steady: .* 97 % .*; lower the rate/);
  });
});
