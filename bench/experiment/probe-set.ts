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
  const { parts } = options.application;
  const measured = [
    ...options.nodes.map((of) => ({ name: of.address.name, of })),
    ...parts.map((of) => ({ name: of.name, of })),
  ];
  const probes: Probe[] = [
    createCpuProbe([
      ...measured.map(({ name, of }) => ({
        subject: name,
        // Asked anew each time: a node that was broken and mended is another process.
        get source() {
          return of.cpu;
        },
      })),
      { subject: 'generator', source: { kind: 'process-tree', pid: options.generatorPid } },
      ...(options.linksPid === undefined
        ? []
        : [{ subject: 'links', source: { kind: 'process-tree', pid: options.linksPid } as const }]),
      { subject: 'harness', source: { kind: 'process-tree', pid: process.pid } },
    ]),
    createMemoryProbe(
      measured.map(({ name, of }) => ({ subject: name, source: of.memory ?? { kind: 'none' } })),
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
