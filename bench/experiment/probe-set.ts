import { createAppMetricsProbe } from '../probes/app-metrics.ts';
import { createCpuProbe } from '../probes/cpu.ts';
import { createHostProbe } from '../probes/host.ts';
import { createLagProbe } from '../probes/lag.ts';
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
  const probes: Probe[] = [
    createCpuProbe([
      ...options.nodes.map((node) => ({ subject: node.address.name, source: node.cpu })),
      { subject: 'app', source: options.application.cpu },
      { subject: 'generator', source: { kind: 'process-tree', pid: options.generatorPid } },
      { subject: 'harness', source: { kind: 'process-tree', pid: process.pid } },
    ]),
    createPostgresProbe({ nodes: addresses }),
    createHostProbe(),
  ];
  if (replicas.length > 0) probes.push(createLagProbe({ primary, replicas }));
  if (options.application.metricsUrl !== undefined)
    probes.push(createAppMetricsProbe(options.application.metricsUrl));
  const { onReadings, onError, signal } = options;
  return startSampler({ probes, intervalMs, onReadings, onError, signal });
}
