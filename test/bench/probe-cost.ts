/**
 * What the probes cost: CPU of the sampling process and of each node, as a share of one core, with and
 * without probes. `node test/bench/probe-cost.ts [seconds] [commits per second] [held]`
 * With `held` the first replica stands still, which is when the lag probe asks most.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createCpuProbe } from '../../bench/probes/cpu.ts';
import { createHostProbe } from '../../bench/probes/host.ts';
import { createLagProbe } from '../../bench/probes/lag.ts';
import { createPostgresProbe } from '../../bench/probes/postgres.ts';
import { createProcessTree } from '../../bench/probes/process-tree.ts';
import { startSampler } from '../../bench/probes/sampler.ts';
import { startCluster } from '../probes/cluster.ts';

const [seconds = '15', commitRateHz = '100', hold] = process.argv.slice(2);
await using cluster = await startCluster({ replicas: 2 });
const nodes = [cluster.primary, ...cluster.replicas];
const trees = nodes.map(({ pid }) => createProcessTree(pid));
const writer = fork(path.join(import.meta.dirname, 'steady-writer.ts'), [
  JSON.stringify(cluster.primary.address),
  commitRateHz,
]);
await once(writer, 'message');
if (hold === 'held') await cluster.replicas[0]?.query('SELECT pg_wal_replay_pause()');

const without = await measure();
let readings = 0;
{
  const signal = new AbortController().signal;
  const onReadings = (batch: readonly unknown[]): void => {
    readings += batch.length;
  };
  const onError = (probe: string, error: unknown): void => console.error(probe, error);
  const addresses = nodes.map(({ address }) => address);
  const subjects = nodes.map(({ address, pid }) => ({
    subject: address.name,
    source: { kind: 'process-tree', pid } as const,
  }));
  const probes = [
    createCpuProbe([...subjects, { subject: 'app', source: { kind: 'process-tree', pid: writer.pid ?? 0 } }]),
    createLagProbe({
      primary: cluster.primary.address,
      replicas: cluster.replicas.map(({ address }) => address),
    }),
    createPostgresProbe({ nodes: addresses }),
    createHostProbe(),
  ];
  await using _ = startSampler({ probes, intervalMs: 250, onReadings, onError, signal });
  // Connections, prepared statements and compiled code are made once.
  await delay(2_000);
  readings = 0;
  report('with probes', await measure());
  console.log(`readings per second: ${(readings / Number(seconds)).toFixed(1)}`);
}
report('without probes', without);
writer.disconnect();

async function measure(): Promise<readonly number[]> {
  const before = [ownMs(), ...trees.map((tree) => tree.cpuMs() ?? Number.NaN)];
  const begun = performance.now();
  await delay(Number(seconds) * 1_000);
  const elapsedMs = performance.now() - begun;
  const after = [ownMs(), ...trees.map((tree) => tree.cpuMs() ?? Number.NaN)];
  return after.map((value, index) => (100 * (value - (before[index] ?? Number.NaN))) / elapsedMs);
}

function ownMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
}

function report(title: string, percents: readonly number[]): void {
  const names = ['sampling process', ...nodes.map(({ address }) => address.name)];
  const shares = names.map((name, index) => `${name} ${percents[index]?.toFixed(2)} %`);
  console.log(`${title}, of one core: ${shares.join(', ')}`);
}
