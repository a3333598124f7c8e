import { createAppMetricsProbe } from '../probes/app-metrics.ts';
import { createCpuProbe } from '../probes/cpu.ts';
import { createHostProbe } from '../probes/host.ts';
import { createLagProbe } from '../probes/lag.ts';
import { createPostgresProbe } from '../probes/postgres.ts';
import type { Probe } from '../probes/probe.ts';
import { startSampler } from '../probes/sampler.ts';
import type { ProbeOptions, RunningProbes } from './ports.ts';

/** Lag moves fast and is cheap to ask; the rest is cumulative and loses nothing between ticks. */
const lagIntervalMs = 100;
const intervalMs = 250;

/** Every probe that the report needs, on a running cluster and application. */
export function startProbes(options: ProbeOptions): RunningProbes {
  const addresses = options.nodes.map((node) => node.address);
  const [primary, ...replicas] = addresses;
  if (primary === undefined) throw new Error('a cluster without nodes has nothing to probe');
  const lag = replicas.length === 0 ? [] : [createLagProbe({ primary, replicas })];
  const slow: Probe[] = [
    createCpuProbe([
      ...options.nodes.map((node) => ({ subject: node.address.name, source: node.cpu })),
      { subject: 'app', source: options.application.cpu },
      { subject: 'generator', source: { kind: 'process-tree', pid: options.generatorPid } },
      { subject: 'harness', source: { kind: 'process-tree', pid: process.pid } },
    ]),
    createPostgresProbe({ nodes: addresses }),
    createHostProbe(),
  ];
  if (options.application.metricsUrl !== undefined)
    slow.push(createAppMetricsProbe(options.application.metricsUrl));
  const { onReadings, onError, signal } = options;
  const samplers = [
    startSampler({ probes: lag, intervalMs: lagIntervalMs, onReadings, onError, signal }),
    startSampler({ probes: slow, intervalMs, onReadings, onError, signal }),
  ];
  return {
    async sampleNow() {
      await Promise.all(samplers.map((sampler) => sampler.sampleNow()));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(samplers.map((sampler) => sampler[Symbol.asyncDispose]()));
    },
  };
}
