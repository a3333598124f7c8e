import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { runLoad } from '../../bench/load/run-load.ts';
import { type LoadPlan, type LoadResult, outcomeNames, type Trace } from '../../bench/model.ts';
import { monotonicMs } from '../../bench/monotonic-clock.ts';
import { closedStream, dueTimes, openStream, plan, serialOf } from './plans.ts';
import { serveHttp } from './target-server.ts';

const { signal } = new AbortController();
const run = (load: LoadPlan): Promise<LoadResult> => runLoad(load, { clock: monotonicMs, signal });

interface Traced {
  readonly dueMs: number;
  readonly tookMs: number;
  readonly write: boolean;
  readonly outcome: string | undefined;
  readonly rejected: boolean;
  readonly node: string | undefined;
}

/** In the order of their due times. */
function linesOf(trace: Trace | undefined): readonly Traced[] {
  if (trace === undefined) throw new Error('expected a trace');
  const lines = trace.dueUs.map((dueUs, index) => ({
    dueMs: dueUs / 1_000,
    tookMs: (trace.tookUs[index] ?? Number.NaN) / 1_000,
    write: trace.write[index] === 1,
    outcome: outcomeNames[trace.outcome[index] ?? -1],
    rejected: trace.rejected[index] === 1,
    node: trace.nodes[trace.node[index] ?? -1],
  }));
  return lines.sort((a, b) => a.dueMs - b.dueMs);
}

describe('a trace', () => {
  test('tells what became of each request, and of refusals whether they were meant', async () => {
    /** By the request's number modulo 5; 4 gets no answer. */
    const answers: readonly ((response: ServerResponse) => void)[] = [
      (response) => response.end('ok'),
      (response) => response.writeHead(503, { 'retry-after': '1' }).end(),
      (response) => response.writeHead(503).end(),
      // Only a server that says so sheds load: this one makes its client wait for something else.
      (response) => response.writeHead(429, { 'retry-after': '1' }).end(),
      () => undefined,
    ];
    await using server = await serveHttp((request, response) => {
      const number = serialOf(request.url) % answers.length;
      response.setHeader('x-db-node', number === 0 ? 'replica1' : 'primary');
      answers[number]?.(response);
    });
    const load = plan(server.url, { streams: [openStream(50, 600)], trace: true, timeoutMs: 150 });
    const lines = linesOf((await run(load)).trace);
    const dueMs = dueTimes(load);
    expect(lines).toHaveLength(dueMs.length);
    const expected = [
      { outcome: 'ok', rejected: false, node: 'replica1' },
      { outcome: 'http-error', rejected: true, node: 'primary' },
      { outcome: 'http-error', rejected: false, node: 'primary' },
      { outcome: 'http-error', rejected: false, node: 'primary' },
      { outcome: 'timeout', rejected: false, node: '' },
    ];
    lines.forEach((line, index) => {
      expect(line).toMatchObject({ ...expected[(index + 1) % answers.length], write: false });
      expect(line.dueMs).toBeCloseTo(dueMs[index] ?? 0, 2);
      // A timeout counts from when the request was sent, the trace from when it was due.
      if (line.outcome === 'timeout') expect(line.tookMs).toBeGreaterThanOrEqual(149);
      else expect(line.tookMs).toBeGreaterThan(0);
    });
  });

  test('has what was never sent, and what the end cut off, with the time that they waited', async () => {
    await using server = await serveHttp(() => undefined);
    const streams = [openStream(50, 400, { maxInFlight: 2 })];
    const lines = linesOf((await run(plan(server.url, { streams, trace: true, drainMs: 100 }))).trace);
    const count = (outcome: string): number => lines.filter((line) => line.outcome === outcome).length;
    expect([count('in-flight-at-end'), count('unsent'), lines.length]).toEqual([2, 18, 20]);
    // All end together, at the end of the drain.
    for (const { dueMs, tookMs } of lines) {
      expect(dueMs + tookMs).toBeGreaterThanOrEqual(499);
      expect(dueMs + tookMs).toBeLessThan(900);
    }
  });

  test('of sessions has their steps, due when they are, and knows reads from writes', async () => {
    await using server = await serveHttp((request, response) => {
      if (request.method === 'GET') response.setHeader('retry-after', '1').statusCode = 503;
      response.setHeader('etag', '"1"').end();
    });
    const load = plan(server.url, {
      streams: [{ ...openStream(50, 400), classes: ['write'] }],
      readShare: 0,
      operations: [
        {
          ...{ name: 'write', class: 'write', weight: 1, method: 'PATCH', path: '/{serial}' },
          steps: [{ operation: 'read', afterMs: 30 }],
        },
        {
          ...{ name: 'read', class: 'read', weight: 0, method: 'GET', path: '/{serial}' },
          version: { entity: 'thing', key: 'serial', header: 'etag' },
        },
      ],
      carry: 'x-token',
      trace: true,
    });
    const lines = linesOf((await run(load)).trace);
    const [writes, reads] = [true, false].map((write) => lines.filter((line) => line.write === write));
    expect(writes).toHaveLength(20);
    expect(reads?.length).toBeGreaterThan(15);
    // Other headers are asked for, too, and do not take its place.
    expect(new Set(writes?.map(({ rejected }) => rejected))).toEqual(new Set([false]));
    expect(new Set(reads?.map(({ rejected }) => rejected))).toEqual(new Set([true]));
    expect(reads?.[0]?.dueMs).toBeGreaterThanOrEqual((writes?.[0]?.dueMs ?? 0) + 30);
  });

  test('is of open streams alone, and of a plan that asks for one', async () => {
    await using server = await serveHttp((_request, response) => response.end('ok'));
    const closed = plan(server.url, { streams: [closedStream(2, 100)], trace: true });
    expect(linesOf((await run(closed)).trace)).toEqual([]);
    expect(await run(plan(server.url, { streams: [openStream(50, 100)] }))).not.toHaveProperty('trace');
  });
});
