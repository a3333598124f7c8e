import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Generator, startGenerator } from '../../bench/load/generator.ts';
import { monotonicMs } from '../../bench/monotonic-clock.ts';
import { closedStream, openStream, outcomes, plan, quantile, tolerance, totals } from './plans.ts';
import { serveHttp, serveRaw } from './target-server.ts';

const { signal } = new AbortController();
let generator: Generator;
beforeAll(async () => {
  generator = await startGenerator({ signal });
});
afterAll(() => generator[Symbol.asyncDispose]());

describe('autocannon, made honest', () => {
  test('microseconds, and the counts of the server', async () => {
    const tookMs: number[] = [];
    await using server = await serveHttp((_request, response) => {
      const startMs = monotonicMs();
      setTimeout(() => {
        tookMs.push(monotonicMs() - startMs);
        response.setHeader('x-db-node', 'replica1');
        response.end('ok');
      }, 50);
    });
    const result = await generator.run(plan(server.url, { streams: [closedStream(8, 1000)] }), { signal });
    const { outcomes: seen, service, response, lag } = totals(result);
    expect(seen).toEqual(outcomes({ ok: tookMs.length }));
    expect(tookMs.length).toBeGreaterThan(20);
    const trueMs = quantile(tookMs, 0.5);
    expect(Math.abs((service.p50Ms ?? 0) - trueMs)).toBeLessThan(tolerance(trueMs, result));
    expect(response).toEqual(service);
    expect(lag.count).toBe(0);
    expect(result.operations[0]?.servedBy).toEqual({ replica1: tookMs.length });
    expect(server.connections()).toBe(8);
  });

  test('a connection closed without an answer is an error, and later answers are not timed from it', async () => {
    let requests = 0;
    let closed = 0;
    await using server = await serveHttp((request, response) => {
      requests += 1;
      if (requests % 10 === 0) {
        closed += 1;
        request.socket.end();
      } else setTimeout(() => response.end('ok'), 5);
    });
    const result = await generator.run(plan(server.url, { streams: [closedStream(4, 1500)] }), { signal });
    const { outcomes: seen, service } = totals(result);
    expect(closed).toBeGreaterThan(5);
    expect(seen).toEqual(outcomes({ ok: requests - closed, 'connection-error': closed }));
    // With its queue not cleared, autocannon times each answer from a request lost long before.
    expect(service.p95Ms).toBeLessThan(100);
  });

  test('half a message from a closed connection does not stay in the parser', async () => {
    let requests = 0;
    let broken = 0;
    await using server = await serveRaw((socket) => {
      requests += 1;
      if (requests % 5 === 0) {
        broken += 1;
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf');
      } else setTimeout(() => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'), 5);
    });
    const result = await generator.run(plan(server.url, { streams: [closedStream(2, 1000)] }), { signal });
    expect(broken).toBeGreaterThan(3);
    expect(totals(result).outcomes).toEqual(outcomes({ ok: requests - broken, 'connection-error': broken }));
  });

  test('no answer is a timeout at its elapsed time', async () => {
    await using server = await serveHttp(() => undefined);
    const loadPlan = plan(server.url, { streams: [closedStream(3, 1000)], timeoutMs: 300 });
    const result = await generator.run(loadPlan, { signal });
    const { outcomes: seen, service } = totals(result);
    // Sent at 0, 300, 600 and 900 ms, a little later each time; each on a connection of its own.
    expect(seen).toEqual(outcomes({ timeout: server.connections() }));
    expect(seen.timeout).toBeGreaterThanOrEqual(6);
    expect(seen.timeout).toBeLessThanOrEqual(12);
    expect(service.p50Ms).toBeGreaterThanOrEqual(300);
    expect(service.p50Ms).toBeLessThan(300 + tolerance(300, result));
  });

  test('what is in flight at the end is waited for', async () => {
    await using server = await serveHttp((_request, response) => {
      setTimeout(() => response.end('late'), 800);
    });
    const loadPlan = plan(server.url, { streams: [closedStream(5, 400)] });
    const { outcomes: seen, service } = totals(await generator.run(loadPlan, { signal }));
    expect(seen).toEqual(outcomes({ ok: 5 }));
    expect(service.p50Ms).toBeGreaterThanOrEqual(799);
  });

  test('what is in flight at the end of the drain is counted', async () => {
    await using server = await serveHttp(() => undefined);
    const loadPlan = plan(server.url, { streams: [closedStream(5, 400)], drainMs: 100 });
    const { outcomes: seen, service } = totals(await generator.run(loadPlan, { signal }));
    expect(seen).toEqual(outcomes({ 'in-flight-at-end': 5 }));
    expect(service.count).toBe(5);
    expect(service.p50Ms).toBeGreaterThanOrEqual(250);
  });

  test('nobody listens: errors are spaced out instead of thousands a second', async () => {
    const loadPlan = plan('http://127.0.0.1:1', { streams: [closedStream(2, 1500)] });
    const { outcomes: seen } = totals(await generator.run(loadPlan, { signal }));
    // 0, 0, 10, 20, 40 ... 1000 ms apart.
    expect(seen).toEqual(outcomes({ 'connection-error': seen['connection-error'] }));
    expect(seen['connection-error']).toBeGreaterThanOrEqual(8);
    expect(seen['connection-error']).toBeLessThanOrEqual(2 * 10);
  });

  test.each([
    ['an answer that ends with the connection', 'HTTP/1.1 200 OK\r\n\r\nsome text', 'ok', true],
    ['Connection: close', 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok', 'ok', true],
    [
      'Connection: close, left open',
      'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok',
      'ok',
      false,
    ],
    ['interim answers', 'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n', 'ok', false],
    ['an answer too many', 'HTTP/1.1 204 No\r\n\r\nHTTP/1.1 204 No\r\n\r\n', 'ok', false],
    ['no HTTP at all', 'hello\r\nworld\r\n', 'connection-error', false],
  ] as const)('%s', async (_name, answer, outcome, close) => {
    let requests = 0;
    await using server = await serveRaw((socket) => {
      requests += 1;
      setTimeout(() => {
        if (close) socket.end(answer);
        else socket.write(answer);
      }, 10);
    });
    const result = await generator.run(plan(server.url, { streams: [closedStream(2, 400)] }), { signal });
    expect(requests).toBeGreaterThan(5);
    expect(totals(result).outcomes).toEqual(outcomes({ [outcome]: requests }));
  });

  test('HEAD has no body to wait for', async () => {
    await using server = await serveHttp((_request, response) => {
      response.setHeader('content-length', '1000');
      response.end();
    });
    const loadPlan = plan(server.url, {
      operations: [{ name: 'head', class: 'read', weight: 1, method: 'HEAD', path: '/{serial}' }],
      streams: [closedStream(1, 300)],
    });
    const { outcomes: seen } = totals(await generator.run(loadPlan, { signal }));
    expect(seen.ok).toBeGreaterThan(1);
    expect(seen).toEqual(outcomes({ ok: seen.ok }));
  });
});

test('each connection draws its own sequence: no lock-step', async () => {
  const byConnection = new Map<unknown, string[]>();
  await using server = await serveHttp((request, response) => {
    const seen = byConnection.get(request.socket) ?? [];
    byConnection.set(request.socket, seen);
    seen.push(request.url ?? '');
    setTimeout(() => response.end(), 5);
  });
  const loadPlan = plan(server.url, {
    operations: ['a', 'b', 'c'].map((name) => ({
      name,
      class: 'read',
      weight: 1,
      method: 'GET',
      path: `/${name}`,
    })),
    streams: [closedStream(6, 800)],
  });
  await generator.run(loadPlan, { signal });
  const starts = [...byConnection.values()].map((paths) => paths.slice(0, 20).join(' '));
  expect(starts).toHaveLength(6);
  expect(new Set(starts).size).toBe(6);
});

test('an open and a closed stream run at the same time, each with its own numbers', async () => {
  const counts = { read: 0, write: 0 };
  await using server = await serveHttp((request, response) => {
    counts[request.method === 'GET' ? 'read' : 'write'] += 1;
    request.resume();
    setTimeout(() => response.end(), 10);
  });
  const loadPlan = plan(server.url, {
    operations: [
      { name: 'get', class: 'read', weight: 1, method: 'GET', path: '/{serial}' },
      { name: 'post', class: 'write', weight: 1, method: 'POST', path: '/', body: { serial: '{serial}' } },
    ],
    streams: [{ ...openStream(50, 1000), classes: ['write'] }, closedStream(3, 1000)],
  });
  const result = await generator.run(loadPlan, { signal });
  expect(result.operations).toHaveLength(2);
  const [open, closed] = result.operations;
  expect(open).toMatchObject({ name: 'post', loop: 'open', outcomes: outcomes({ ok: 50 }) });
  expect(closed).toMatchObject({ name: 'get', loop: 'closed', outcomes: outcomes({ ok: counts.read }) });
  expect(counts.write).toBe(50);
});
