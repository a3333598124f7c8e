import { createAppMetricsProbe } from '../probes/app-metrics.ts';
import { createCpuProbe } from '../probes/cpu.ts';
import { createHostProbe } from '../probes/host.ts';
import { createLagProbe } from '../probes/lag.ts';
import { createMemoryProbe } from '../probes/memory.ts';
import { createPostgresProbe } from '../probes/postgres.ts';
import type { Probe } from '../probes/probe.ts';
import { startSampler } from '../probes/sampler.ts';
import type { ProbeOptions, RunningProbes } from './ports.ts';

/** One tick for all probes: an empty wake-up of Node costs as much as a sample. */
const intervalMs = 250;

/** Every probe that the report needs, on a running cluster and application. */
export function startProbes(options: ProbeOptions): RunningProbes {
  const addresses = options.nodes.map((node) => node.address);
  const [primary, ...replicas] = addresses;
  if (primary === undefined) throw new Error('a cluster without nodes has nothing to probe');
  const nodes = options.nodes.map((node) => ({ ...node, name: node.address.name }));
  const { parts } = options.application;
  const probes: Probe[] = [
    createCpuProbe([
      ...[...nodes, ...parts].map(({ name, cpu }) => ({ subject: name, source: cpu })),
      { subject: 'generator', source: { kind: 'process-tree', pid: options.generatorPid } },
      { subject: 'harness', source: { kind: 'process-tree', pid: process.pid } },
    ]),
    createMemoryProbe(
      [...nodes, ...parts].map(({ name, memory }) => ({ subject: name, source: memory ?? { kind: 'none' } })),
    ),
    createPostgresProbe({ nodes: addresses }),
    createHostProbe(),
  ];
  if (replicas.length > 0) probes.push(createLagProbe({ primary, replicas }));
  for (const { name, metricsUrl } of parts)
    if (metricsUrl !== undefined) probes.push(createAppMetricsProbe(metricsUrl, { subject: name }));
  const { isWanted, onReadings, onError, signal } = options;
  return startSampler({ probes, intervalMs, isWanted, onReadings, onError, signal });
}
