import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Generator, startGenerator } from '../../bench/load/generator.ts';
import type { LoadPlan, LoadResult } from '../../bench/model.ts';
import { monotonicMs } from '../../bench/monotonic-clock.ts';
import { dueTimes, openStream, outcomes, plan, quantile, serialOf, tolerance, totals } from './plans.ts';
import { serveHttp, serveRaw } from './target-server.ts';

const { signal } = new AbortController();
let generator: Generator;
beforeAll(async () => {
  generator = await startGenerator({ signal });
});
afterAll(() => generator[Symbol.asyncDispose]());

describe('quantiles against what the server knows', () => {
  test('constant delay', async () => {
    const answeredMs: number[] = [];
    await using server = await serveHttp((request, response) => {
      setTimeout(() => {
        answeredMs[serialOf(request.url)] = monotonicMs();
        response.end('ok');
      }, 100);
    });
    const loadPlan = plan(server.url, { streams: [openStream(200, 2000, { arrivals: 'poisson' })] });
    const result = await generator.run(loadPlan, { signal });
    const { outcomes: seen, service } = totals(result);
    expect(seen).toEqual(outcomes({ ok: dueTimes(loadPlan).length }));
    expectTruth(result, loadPlan, answeredMs, [0.5, 0.95]);
    expect(service.p50Ms).toBeGreaterThanOrEqual(99.9);
  });

  test('a server that stalls for a second every 200 requests, with few requests in flight', async () => {
    const answeredMs: number[] = [];
    let stalledUntilMs = 0;
    await using server = await serveHttp((request, response) => {
      const serial = serialOf(request.url);
      if (serial % 200 === 0) stalledUntilMs = monotonicMs() + 1000;
      setTimeout(
        () => {
          answeredMs[serial] = monotonicMs();
          response.end('ok');
        },
        Math.max(2, stalledUntilMs - monotonicMs()),
      );
    });
    const loadPlan = plan(server.url, { streams: [openStream(100, 6000, { maxInFlight: 4 })] });
    const result = await generator.run(loadPlan, { signal });
    const { outcomes: seen, response, service } = totals(result);
    expect(seen).toEqual(outcomes({ ok: 600 }));
    expectTruth(result, loadPlan, answeredMs, [0.5, 0.95, 0.99]);
    // By arithmetic: of each 200 requests the stall hits 100, the first for 1000 ms, the next for 990 ms ...
    // A test process without CPU only adds to that; how much, the server's own truth above knows.
    expect(response.p99Ms).toBeGreaterThan(985 - 0.02 * 985);
    // Only 4 requests of 100 could feel the stall in flight: timing from the send would have hidden it.
    expect(service.p95Ms).toBeLessThan((response.p95Ms ?? 0) / 2);
  });

  test('a server slower than the offered rate: the queue is in the response time', async () => {
    const answeredMs: number[] = [];
    let freeAtMs = 0;
    await using server = await serveHttp((request, response) => {
      freeAtMs = Math.max(freeAtMs, monotonicMs()) + 10;
      setTimeout(() => {
        answeredMs[serialOf(request.url)] = monotonicMs();
        response.end('ok');
      }, freeAtMs - monotonicMs());
    });
    // 100 a second are answered of 200 that are due: the last of 400 waits about two seconds.
    const loadPlan = plan(server.url, { streams: [openStream(200, 2000, { maxInFlight: 8 })] });
    const result = await generator.run(loadPlan, { signal });
    const { outcomes: seen, lag } = totals(result);
    expect(seen).toEqual(outcomes({ ok: 400 }));
    expectTruth(result, loadPlan, answeredMs, [0.5, 0.95, 0.99]);
    expect(lag.maxMs).toBeGreaterThan(1000);
    expect(result.drainedMs).toBeGreaterThan(1000);
  });

  test('chunked bodies, and connections that are used again', async () => {
    const answeredMs: number[] = [];
    await using server = await serveHttp((request, response) => {
      response.write('first part ');
      setTimeout(() => {
        response.write('x'.repeat(70_000));
        answeredMs[serialOf(request.url)] = monotonicMs();
        response.end();
      }, 20);
    });
    const loadPlan = plan(server.url, { streams: [openStream(100, 1500)] });
    const result = await generator.run(loadPlan, { signal });
    expect(totals(result).outcomes).toEqual(outcomes({ ok: 150 }));
    expectTruth(result, loadPlan, answeredMs, [0.5]);
    expect(server.connections()).toBeLessThan(75);
  });
});

describe('outcomes, counted exactly', () => {
  test('a connection closed without an answer is an error, and poisons nothing after it', async () => {
    const answeredMs: number[] = [];
    await using server = await serveHttp((request, response) => {
      const serial = serialOf(request.url);
      answeredMs[serial] = monotonicMs();
      if (serial % 10 === 0) request.socket.end();
      else response.end('ok');
    });
    const loadPlan = plan(server.url, { streams: [openStream(200, 2000)] });
    const result = await generator.run(loadPlan, { signal });
    expect(totals(result).outcomes).toEqual(outcomes({ ok: 360, 'connection-error': 40 }));
    expectTruth(result, loadPlan, answeredMs, [0.5]);
  });

  test('a connection reset in the middle of a body', async () => {
    await using server = await serveHttp((request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => {
        if (serialOf(request.url) % 5 === 0) request.socket.resetAndDestroy();
        else response.end('x'.repeat(96));
      });
    });
    const result = await generator.run(plan(server.url, { streams: [openStream(100, 1000)] }), { signal });
    expect(totals(result).outcomes).toEqual(outcomes({ ok: 80, 'connection-error': 20 }));
  });

  test('503 is an answer with a latency, and an error', async () => {
    await using server = await serveHttp((request, response) => {
      response.statusCode = serialOf(request.url) % 4 === 0 ? 503 : 200;
      response.setHeader('x-db-node', serialOf(request.url) % 2 === 0 ? 'replica1' : 'replica2');
      response.end();
    });
    const result = await generator.run(plan(server.url, { streams: [openStream(100, 1000)] }), { signal });
    expect(totals(result)).toMatchObject({
      outcomes: outcomes({ ok: 75, 'http-error': 25 }),
      response: { count: 100 },
      service: { count: 100 },
    });
    expect(result.operations[0]).toMatchObject({
      statuses: { 200: 75, 503: 25 },
      // Of the answers that were no errors.
      servedBy: { replica1: 25, replica2: 50 },
    });
  });

  test('no answer is a timeout at its elapsed time, and the connection is not used again', async () => {
    await using server = await serveHttp(() => undefined);
    const loadPlan = plan(server.url, { streams: [openStream(50, 1000)], timeoutMs: 300 });
    const result = await generator.run(loadPlan, { signal });
    const { outcomes: seen, service, response } = totals(result);
    expect(seen).toEqual(outcomes({ timeout: 50 }));
    expect(server.connections()).toBe(50);
    expect(service).toMatchObject({ count: 50 });
    expect(response.p50Ms).toBeGreaterThanOrEqual(300);
    expect(response.p50Ms).toBeLessThan(300 + tolerance(300, result));
  });

  test('what is not answered, and what is never sent, at the end of the drain', async () => {
    let answered = 0;
    await using server = await serveHttp((_request, response) => {
      answered += 1;
      if (answered <= 150) response.end('ok');
    });
    const loadPlan = plan(server.url, {
      streams: [openStream(100, 3000, { maxInFlight: 4 })],
      drainMs: 200,
    });
    const result = await generator.run(loadPlan, { signal });
    const { outcomes: seen, service, response } = totals(result);
    expect(seen).toEqual(outcomes({ ok: 150, 'in-flight-at-end': 4, unsent: 146 }));
    // Censored, but not left out: the oldest was due 1.5 s before the end, and 0.2 s of drain.
    expect(response.count).toBe(300);
    expect(service.count).toBe(154);
    expect(response.maxMs).toBeGreaterThan(1600);
    expect(Math.abs((response.p95Ms ?? 0) - quantileOfCensored())).toBeLessThan(tolerance(1600, result));
    // A timer may fire a fraction of a millisecond early.
    expect(result.drainedMs).toBeGreaterThan(199);

    /** Request n is due at 10 n - 5 ms; from the 151st on it ends when the drain does. */
    function quantileOfCensored(): number {
      const endMs = result.durationMs + result.drainedMs;
      return quantile(
        dueTimes(loadPlan).map((dueMs, index) => (index < 150 ? 0 : endMs - dueMs)),
        0.95,
      );
    }
  });

  test('nobody listens', async () => {
    const result = await generator.run(
      plan('http://127.0.0.1:1', { streams: [openStream(100, 500)], drainMs: 500 }),
      { signal },
    );
    expect(totals(result).outcomes).toEqual(outcomes({ 'connection-error': 50 }));
  });

  test.each([
    ['an answer that ends with the connection', 'HTTP/1.1 200 OK\r\n\r\nsome text', 'ok', true],
    ['Connection: close', 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok', 'ok', true],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok', 'ok', true],
    ['interim answers', 'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n', 'ok', false],
    ['no HTTP at all', 'hello\r\nworld\r\n', 'connection-error', false],
  ] as const)('%s', async (_name, answer, outcome, close) => {
    await using server = await serveRaw((socket) => {
      if (close) socket.end(answer);
      else socket.write(answer);
    });
    const result = await generator.run(plan(server.url, { streams: [openStream(100, 300)] }), { signal });
    expect(totals(result).outcomes).toEqual(outcomes({ [outcome]: 30 }));
  });
});

test('the same seed sends the same requests at the same due times, whatever the server does', async () => {
  const record = async (delayMs: number): Promise<readonly string[]> => {
    const seen: string[] = [];
    await using server = await serveHttp((request, response) => {
      seen.push(request.url ?? '');
      setTimeout(() => response.end(), delayMs);
    });
    const loadPlan = plan(server.url, {
      operations: [
        { name: 'a', class: 'read', weight: 2, method: 'GET', path: '/a/{key}' },
        { name: 'b', class: 'read', weight: 1, method: 'GET', path: '/b/{key}' },
      ],
      keys: { key: { kind: 'zipf', min: 1, max: 1000, exponent: 0.8 } },
      streams: [openStream(200, 600, { arrivals: 'poisson', maxInFlight: 1 })],
    });
    await generator.run(loadPlan, { signal });
    return seen;
  };
  const fast = await record(0);
  expect(fast.length).toBeGreaterThan(80);
  expect(await record(12)).toEqual(fast);
});

test('an idle connection is not used again shortly before the server closes it', async () => {
  let requests = 0;
  await using server = await serveHttp(
    (_request, response) => {
      requests += 1;
      response.end('ok');
    },
    // Said as `Keep-Alive: timeout=1`; a request every 900 ms would meet the closing connection.
    { keepAliveTimeout: 1000 },
  );
  const loadPlan = plan(server.url, { streams: [openStream(1 / 0.9, 2700)] });
  const result = await generator.run(loadPlan, { signal });
  expect(totals(result).outcomes).toEqual(outcomes({ ok: 3 }));
  expect(requests).toBe(3);
  expect(server.connections()).toBe(3);
});

/** Response times by the server's own clock: when it answered request n, less when n was due. */
function expectTruth(
  result: LoadResult,
  loadPlan: LoadPlan,
  answeredMs: readonly number[],
  shares: readonly number[],
): void {
  const truth = dueTimes(loadPlan).map(
    (dueMs, index) => (answeredMs[index + 1] ?? Number.NaN) - result.startedAtMs - dueMs,
  );
  const { response } = totals(result);
  const measured = new Map([
    [0.5, response.p50Ms],
    [0.95, response.p95Ms],
    [0.99, response.p99Ms],
  ]);
  for (const share of shares) {
    const trueMs = quantile(truth, share);
    const offMs = (measured.get(share) ?? Number.NaN) - trueMs;
    expect(Math.abs(offMs), `P${share * 100}: true ${trueMs} ms`).toBeLessThan(tolerance(trueMs, result));
  }
}
