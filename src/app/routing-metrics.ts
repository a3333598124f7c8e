/** What the router does and what it believes, for Prometheus, and a line of log for each change. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { RouteReason, Router, RoutingObserver } from '../db/routing/index.ts';

const waitBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];

export function observeRouting(registry: Registry, log: (line: string) => void): RoutingObserver {
  const registers = [registry];
  // Every query is counted, so not by prom-client, which puts labels into order each time: a scrape takes them over.
  const counted = new Map<string, Map<RouteReason, { queries: number }>>();
  new Counter({
    name: 'db_route_total',
    help: 'Queries by the node that they were sent to, and why there',
    labelNames: ['node', 'reason'] as const,
    registers,
    collect() {
      for (const [node, reasons] of counted)
        for (const [reason, entry] of reasons) {
          this.inc({ node, reason }, entry.queries);
          entry.queries = 0;
        }
    },
  });
  const retries = new Counter({
    name: 'db_read_retries_total',
    help: 'Reads that were asked elsewhere, by the node that failed them, and how',
    labelNames: ['node', 'failure'] as const,
    registers,
  });
  const rejections = new Counter({
    name: 'db_reads_rejected_total',
    help: 'Reads that no node could serve, by what replicas lacked',
    labelNames: ['unmet'] as const,
    registers,
  });
  const changes = new Counter({
    name: 'db_node_state_changes_total',
    help: 'Changes of what is believed of a node',
    labelNames: ['node', 'to'] as const,
    registers,
  });
  const floorWaits = new Histogram({
    name: 'db_floor_wait_seconds',
    help: 'Time that reads waited for a replica to have what their session needs; met: whether one had it in time',
    labelNames: ['met'] as const,
    buckets: waitBuckets,
    registers,
  });
  return {
    routed(node, reason) {
      const entry = counted.get(node)?.get(reason);
      if (entry !== undefined) entry.queries += 1;
      else counted.set(node, new Map([...(counted.get(node) ?? []), [reason, { queries: 1 }]]));
    },
    retried: (node, failure) => retries.inc({ node, failure }),
    rejected: (unmet) => rejections.inc({ unmet }),
    floorWaited: (waitMs, met) => floorWaits.observe({ met: String(met) }, waitMs / 1000),
    stateChanged(node, from, to, because) {
      changes.inc({ node, to });
      log(`${node}: ${from} -> ${to} (${because})`);
    },
    roleChanged: (node, from, to) => log(`${node}: ${from} -> ${to}`),
    primaryChanged: (from, to) => log(`primary: ${from ?? 'none'} -> ${to ?? 'none'}`),
  };
}

export function watchNodes(registry: Registry, { cluster, allowance }: Router): void {
  const registers = [registry];
  new Gauge({
    name: 'db_fallback_reads_most',
    help: 'Most reads that the primary had taken over from replicas at once, since the last scrape',
    registers,
    collect() {
      this.set(allowance.takeMost());
    },
  });
  new Gauge({
    name: 'db_fallback_limit',
    help: 'Limits of the reads that the primary takes over: so many at once, so many a second, and so many at once on average as its writes bear',
    labelNames: ['limit'] as const,
    registers,
    collect() {
      this.set({ limit: 'concurrent' }, allowance.limits.concurrent);
      this.set({ limit: 'per_second' }, allowance.limits.perSecond);
      this.set({ limit: 'average' }, allowance.average);
    },
  });
  new Gauge({
    name: 'db_node_serving',
    help: '1 while the node is in the state and the role of the labels',
    labelNames: ['node', 'role', 'state'] as const,
    registers,
    collect() {
      this.reset();
      for (const { name, role, health } of cluster.nodes)
        this.set({ node: name, role, state: health.state }, 1);
    },
  });
  new Gauge({
    name: 'db_node_lag_seconds',
    help: 'How far the replica is behind the primary, as the router sees it; +Inf = unknown',
    labelNames: ['node'] as const,
    registers,
    collect() {
      this.reset();
      for (const { name, role, lagMs } of cluster.nodes) {
        if (role === 'replica') this.set({ node: name }, lagMs / 1000);
      }
    },
  });
}
