import { expect, test } from 'vitest';
import { summarizeLatency } from '../../bench/analysis/latency.ts';
import { createHistogram, createRecorder } from '../../bench/load/recorder.ts';
import { openStream, outcomes, plan } from './plans.ts';

const loadPlan = plan('http://127.0.0.1:1', { streams: [openStream(1, 1)] });

test('every due request is in the response time once, whatever its outcome', () => {
  const recorder = create('open');
  recorder.due(0);
  recorder.record(0, 'ok', 100, 101, 103, { status: 200, servedBy: 'replica1' });
  recorder.due(0);
  recorder.record(0, 'http-error', 100, 101, 104, { status: 500, servedBy: 'primary' });
  recorder.due(0);
  recorder.record(0, 'timeout', 100, 105, 605, null);
  recorder.due(0);
  recorder.record(0, 'unsent', 100, null, 900, null);
  const [result] = recorder.results();
  expect(result).toMatchObject({
    outcomes: outcomes({ ok: 1, 'http-error': 1, timeout: 1, unsent: 1 }),
    statuses: { 200: 1, 500: 1 },
    servedBy: { replica1: 1 },
  });
  const summary = (field: 'serviceTime' | 'responseTime' | 'scheduleLag') =>
    summarizeLatency(result === undefined ? [] : [result[field]]);
  expect(summary('responseTime')).toMatchObject({ count: 4, maxMs: expect.closeTo(800, 0) });
  expect(summary('serviceTime')).toMatchObject({ count: 3, p50Ms: expect.closeTo(3, 2) });
  expect(summary('scheduleLag')).toMatchObject({ count: 3, p50Ms: 1, maxMs: expect.closeTo(5, 2) });
});

test('answers of the drain are outcomes, but not throughput', () => {
  const recorder = create('closed');
  recorder.scheduleEndsAt(1000);
  const answer = { status: 200, servedBy: '' };
  for (const [outcome, endedMs] of [
    ['ok', 999],
    ['ok', 1000],
    ['ok', 1001],
    ['http-error', 500],
    ['http-error', 1200],
    ['timeout', 900],
  ] as const) {
    recorder.due(0);
    recorder.record(0, outcome, 0, 0, endedMs, outcome === 'timeout' ? null : answer);
  }
  expect(recorder.results()[0]).toMatchObject({
    outcomes: outcomes({ ok: 3, 'http-error': 2, timeout: 1 }),
    inTime: { ok: 2, 'http-error': 1 },
  });
});

test('a request without an outcome, or with two, is a fault that cannot pass', () => {
  const lost = create('open');
  lost.due(0);
  expect(() => lost.results()).toThrow('operation "get": 1 requests were due but 0 have an outcome');

  const twice = create('closed');
  twice.due(0);
  twice.record(0, 'timeout', 0, 0, 1, null);
  twice.record(0, 'connection-error', 0, 0, 1, null);
  expect(() => twice.results()).toThrow('1 requests were due but 2 have an outcome');
});

test('hours and clock noise stay within the histogram', () => {
  const recorder = create('open');
  for (const endedMs of [99.9999, 100 + 24 * 3_600_000]) {
    recorder.due(0);
    recorder.record(0, 'ok', 100, 100, endedMs, { status: 200, servedBy: '' });
  }
  const { responseTime } = recorder.results()[0] ?? { responseTime: '' };
  expect(summarizeLatency([responseTime])).toMatchObject({
    count: 2,
    p50Ms: 0,
    maxMs: expect.closeTo(3.6e6, -4),
  });
});

function create(loop: 'open' | 'closed'): ReturnType<typeof createRecorder> {
  return createRecorder(loadPlan, loop, { read: createHistogram(), write: createHistogram() });
}
