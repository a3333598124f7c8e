/** Prometheus metrics of this process: requests, pools, and prom-client's event-loop, GC and CPU figures. */
import type { RequestHandler } from 'express';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { CacheResult } from '../cache/read-cache.ts';
import type { DatabaseObserver } from '../db/connection.ts';
import type { PoolState } from '../db/pools.ts';
import type { Router } from '../db/routing/index.ts';
import { observeRouting, watchNodes } from './routing-metrics.ts';

export interface Metrics {
  readonly contentType: string;
  /** Express middleware that times every request by its route, never by its path. */
  readonly timeRequests: RequestHandler;
  readonly observer: DatabaseObserver;
  /** Adds the counter of cached reads; without a cache it is absent. */
  countCache(): (result: CacheResult) => void;
  /** From now on a scrape reads these pools. */
  watchPools(pools: () => readonly PoolState[]): void;
  /** From now on a scrape reads lag and state of the router's nodes. */
  watchNodes(router: Router): void;
  /** Text in Prometheus' exposition format. */
  render(): Promise<string>;
}

const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * A registry of its own, so that two applications can live in one process. `log` gets a line for each change of a
 * node's state or role.
 */
export function createMetrics(log: (line: string) => void = () => undefined): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its answer',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: secondsBuckets,
    registers,
  });
  const waits = new Histogram({
    name: 'db_pool_wait_seconds',
    help: 'Time a query waited for its connection, opening one included',
    labelNames: ['node'] as const,
    buckets: secondsBuckets,
    registers,
  });

  return {
    contentType: registry.contentType,
    timeRequests: (request, response, next) => {
      const start = performance.now();
      response.once('finish', () => {
        const labels = {
          method: request.method,
          route: request.route?.path ?? 'none',
          status: response.statusCode,
        };
        requests.observe(labels, (performance.now() - start) / 1000);
      });
      next();
    },
    observer: {
      acquired: (node, waitSeconds) => waits.observe({ node: node ?? 'unknown' }, waitSeconds),
      routing: observeRouting(registry, log),
    },
    countCache: () => countCache(registry),
    watchPools: (pools) => watchPools(registry, pools),
    watchNodes: (router) => watchNodes(registry, router),
    render: () => registry.metrics(),
  };
}

function countCache(registry: Registry): (result: CacheResult) => void {
  const reads = new Counter({
    name: 'cache_requests_total',
    help: 'Reads that the cache answered (hit), did not have (miss), or could not be asked about (error)',
    labelNames: ['result'] as const,
    registers: [registry],
  });
  for (const result of ['hit', 'miss', 'error'] as const) reads.inc({ result }, 0);
  return (result) => reads.inc({ result });
}

function watchPools(registry: Registry, pools: () => readonly PoolState[]): void {
  new Gauge({
    name: 'db_pool_connections',
    help: 'Connections of a pool (state in_use or idle) and requests that wait for one (state waiting)',
    labelNames: ['pool', 'state'] as const,
    registers: [registry],
    collect() {
      for (const { pool, inUse, idle, waiting } of pools()) {
        this.set({ pool, state: 'in_use' }, inUse);
        this.set({ pool, state: 'idle' }, idle);
        this.set({ pool, state: 'waiting' }, waiting);
      }
    },
  });
  new Gauge({
    name: 'db_pool_size',
    help: 'Open and opening connections of a pool',
    labelNames: ['pool'] as const,
    registers: [registry],
    collect() {
      for (const { pool, size } of pools()) this.set({ pool }, size);
    },
  });
}
