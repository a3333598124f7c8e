import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { createAppMetricsProbe } from '../../bench/probes/app-metrics.ts';
import { parsePrometheus } from '../../bench/probes/prometheus-text.ts';

describe('metrics of an application', () => {
  test('reads what prom-client shows by default, and the pools', async () => {
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    const pools = new Gauge({
      name: 'db_pool_connections',
      help: 'connections',
      labelNames: ['pool', 'state'],
      registers: [registry],
    });
    pools.set({ pool: 'read', state: 'waiting' }, 3);
    pools.set({ pool: 'write', state: 'waiting' }, 4);
    pools.set({ pool: 'read', state: 'in_use' }, 5);
    pools.set({ pool: 'read', state: 'idle' }, 6);
    await using server = await serve(async (_, response) => response.end(await registry.metrics()));
    await using probe = createAppMetricsProbe(server.url, { clock: () => 42 });
    await probe.sample();
    const [reading] = await probe.sample();
    expect(reading).toMatchObject({ atMs: 42, probe: 'app', subject: 'app' });
    expect(reading?.values).toMatchObject({ poolWaiting: 7, poolInUse: 5 });
    expect(reading?.values['rssBytes']).toBeGreaterThan(1e6);
    expect(Object.keys(reading?.values ?? {})).toContain('eventLoopDelayP99Ms');
  });

  test('takes the resolution of the monitor off the event-loop delay', async () => {
    const page = 'nodejs_eventloop_lag_p99_seconds 0.0125\nnodejs_eventloop_lag_mean_seconds 0.0099\n';
    await using server = await serve((_, response) => response.end(page));
    await using probe = createAppMetricsProbe(server.url);
    // An idle loop shows 10 ms: below it there is no delay at all.
    expect((await probe.sample())[0]?.values).toEqual({ eventLoopDelayP99Ms: 2.5, eventLoopDelayMeanMs: 0 });
  });

  test('sums garbage collections of all kinds; NaN is absent', async () => {
    const page = [
      '# TYPE nodejs_gc_duration_seconds histogram',
      'nodejs_gc_duration_seconds_sum{kind="minor"} 0.25',
      'nodejs_gc_duration_seconds_sum{kind="major"} 0.5',
      'nodejs_gc_duration_seconds_count{kind="major"} 7',
      'nodejs_eventloop_lag_p99_seconds NaN',
    ];
    await using server = await serve((_, response) => response.end(page.join('\n')));
    await using probe = createAppMetricsProbe(server.url);
    expect((await probe.sample())[0]?.values).toEqual({ gcMs: 750 });
  });

  test('counts cached reads, and goes on when the process was started anew', async () => {
    let startedAt = 100;
    let hits = 50;
    const page = (): string =>
      [
        `process_start_time_seconds ${startedAt}`,
        `cache_requests_total{result="hit"} ${hits}`,
        'cache_requests_total{result="miss"} 7',
        'cache_requests_total{result="error"} 0',
      ].join('\n');
    await using server = await serve((_, response) => response.end(page()));
    await using probe = createAppMetricsProbe(server.url, { subject: 'app2' });
    expect(await probe.sample()).toMatchObject([
      { subject: 'app2', values: { cacheHits: 50, cacheMisses: 7, cacheErrors: 0 } },
    ]);
    startedAt = 101;
    // More than before: only the time of the start shows that these are other hits.
    hits = 60;
    expect((await probe.sample())[0]?.values).toMatchObject({ cacheHits: 110, cacheMisses: 14 });
  });

  test('counts the reads that the primary took over, for whatever replicas lacked, and the refused ones', async () => {
    const page = [
      'db_route_total{node="replica1",reason="read"} 100',
      'db_route_total{node="primary",reason="read"} 7',
      // Asked for by name: nobody took anything over.
      'db_route_total{node="primary",reason="primary-asked"} 1000',
      'db_route_total{node="primary",reason="primary-floor"} 20',
      'db_route_total{node="primary",reason="primary-lag"} 3',
      'db_reads_rejected_total{unmet="floor"} 4',
      'db_reads_rejected_total{unmet="lag"} 5',
      'db_fallback_reads_most 3',
      'db_fallback_limit{limit="concurrent"} 4',
      'db_fallback_limit{limit="per_second"} 1000',
    ];
    await using server = await serve((_, response) => response.end(page.join('\n')));
    await using probe = createAppMetricsProbe(server.url);
    expect((await probe.sample())[0]?.values).toEqual({
      ...{ readsTakenOver: 23, readsRejected: 9 },
      ...{ takenOverMost: 3, takenOverLimit: 4, takenOverLimitHz: 1_000 },
    });
  });

  test('counters of a router that has not counted yet are 0, of an application without one absent', async () => {
    let page = 'db_fallback_limit{limit="concurrent"} 4\ndb_fallback_limit{limit="per_second"} 1000\n';
    await using server = await serve((_, response) => response.end(page));
    await using probe = createAppMetricsProbe(server.url);
    expect((await probe.sample())[0]?.values).toEqual({
      ...{ readsTakenOver: 0, readsRejected: 0, takenOverLimit: 4, takenOverLimitHz: 1_000 },
    });
    page = 'db_pool_connections{pool="read",state="in_use"} 5\n';
    await using other = createAppMetricsProbe(server.url);
    expect((await other.sample())[0]?.values).toEqual({ poolInUse: 5 });
  });

  test('an application without a page, or without an answer, is told', async () => {
    await using missing = await serve((_, response) => response.writeHead(404).end());
    await using probe = createAppMetricsProbe(missing.url);
    await expect(probe.sample()).rejects.toThrow(/answered 404 instead of metrics/);
    await using silent = await serve(() => undefined);
    await using impatient = createAppMetricsProbe(silent.url, { timeoutMs: 50 });
    await expect(impatient.sample()).rejects.toThrow(/cannot be read/);
  });

  test('a hanging sample ends when the probe is closed', async () => {
    await using silent = await serve(() => undefined);
    const probe = createAppMetricsProbe(silent.url, { timeoutMs: 3_600_000 });
    const sample = expect(probe.sample()).rejects.toThrow(/cannot be read/);
    await probe[Symbol.asyncDispose]();
    await sample;
  });
});

describe('parsePrometheus', () => {
  test.each([
    ['up 1', { name: 'up', labels: '', value: 1 }],
    ['up{a="b"} 1.5e3 1700000000000', { name: 'up', labels: 'a="b"', value: 1_500 }],
    ['up{path="/{id}",q="a\\"}b"} +Inf', { name: 'up', labels: 'path="/{id}",q="a\\"}b"', value: Infinity }],
    ['up{} 3', { name: 'up', labels: '', value: 3 }],
  ])('%s', (line, sample) => {
    expect(parsePrometheus(`# HELP up text\n${line}\n\n`)).toEqual([sample]);
  });

  test('passes over what is no sample', () => {
    expect(parsePrometheus('<html>\n# up 1\nup\n{} 1\n')).toEqual([]);
  });
});

async function serve(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return {
    url: `http://127.0.0.1:${address.port}/metrics`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
