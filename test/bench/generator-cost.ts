/**
 * What a request costs the load generator: `node test/bench/generator-cost.ts [rounds]`.
 *
 * The server is a process of its own and only the generator's CPU time counts, so the figures bear a busy
 * machine fairly well; rounds are interleaved and the median is shown. Schedule lag does not bear it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { summarizeLatency } from '../../bench/analysis/latency.ts';
import { type Generator, startGenerator } from '../../bench/load/generator.ts';
import type { LoadPlan, LoadStream } from '../../bench/model.ts';

const rounds = Number(process.argv[2] ?? 3);
const connections = 32;
const seconds = 3;
const { signal } = new AbortController();

interface Cost {
  readonly requests: number;
  readonly cpuMs: number;
}

const server = fork(new URL('./trivial-server.ts', import.meta.url));
try {
  const [port] = (await once(server, 'message')) as [number];
  const url = `http://127.0.0.1:${port}`;
  await using generator = await startGenerator({ signal });

  const costs = { open: [] as number[], closed: [] as number[], autocannon: [] as number[] };
  const paced: { readonly lagP99Ms: number; readonly cpuPercent: number }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    costs.open.push(perCpuSecond(await run(generator, url, openStream(40_000))));
    costs.autocannon.push(perCpuSecond(await plainAutocannon(url)));
    costs.closed.push(perCpuSecond(await run(generator, url, closedStream())));
    paced.push(await pace(generator, url));
  }

  const autocannon = median(costs.autocannon);
  const row = (name: string, values: readonly number[]): string => {
    const value = median(values);
    const perRequest = (1e6 / value).toFixed(1);
    return `${name.padEnd(34)}${value.toFixed(0).padStart(9)}${perRequest.padStart(12)}${(value / autocannon).toFixed(2).padStart(14)}`;
  };
  const lines = [
    `Node ${process.versions.node}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${connections} connections, ${rounds} rounds of ${seconds} s, medians`,
    '',
    `${''.padEnd(34)}${'req/CPU-s'.padStart(9)}${'us/request'.padStart(12)}${'x autocannon'.padStart(14)}`,
    row('open loop, 40,000/s offered', costs.open),
    row('closed loop, autocannon corrected', costs.closed),
    row('autocannon as it comes', costs.autocannon),
    '',
    `open loop at 1,000/s: schedule lag P99 ${median(paced.map((each) => each.lagP99Ms)).toFixed(2)} ms (best ${Math.min(...paced.map((each) => each.lagP99Ms)).toFixed(2)}), ${median(paced.map((each) => each.cpuPercent)).toFixed(1)} % of a core`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
} finally {
  server.disconnect();
}

async function run(generator: Generator, url: string, stream: LoadStream): Promise<Cost> {
  const result = await generator.run(plan(url, stream), { signal });
  const answered = result.operations.reduce((sum, operation) => sum + operation.outcomes.ok, 0);
  return { requests: answered, cpuMs: result.generator.cpuMs };
}

async function pace(
  generator: Generator,
  url: string,
): Promise<{ readonly lagP99Ms: number; readonly cpuPercent: number }> {
  const result = await generator.run(plan(url, openStream(1000)), { signal });
  const lag = summarizeLatency(result.operations.map((operation) => operation.scheduleLag));
  return { lagP99Ms: lag.p99Ms ?? Number.NaN, cpuPercent: result.generator.cpuPercent };
}

async function plainAutocannon(url: string): Promise<Cost> {
  const child: ChildProcess = fork(new URL('./plain-autocannon.ts', import.meta.url), [
    url,
    String(connections),
    String(seconds),
  ]);
  const [cost] = (await once(child, 'message')) as [Cost];
  return cost;
}

function plan(baseUrl: string, stream: LoadStream): LoadPlan {
  return {
    baseUrl,
    seed: 1,
    sliceIndex: 0,
    readShare: 1,
    operations: [{ name: 'agent', class: 'read', weight: 1, method: 'GET', path: '/users/{id}' }],
    keys: { id: { kind: 'zipf', min: 1, max: 50_000, exponent: 0.8 } },
    streams: [stream],
    timeoutMs: 5000,
    drainMs: 1000,
  };
}

function openStream(rateHz: number): LoadStream {
  const segments = [{ durationMs: seconds * 1000, fromHz: rateHz, toHz: rateHz }];
  return { kind: 'open', classes: ['read'], arrivals: 'poisson', segments, maxInFlight: connections };
}

function closedStream(): LoadStream {
  return { kind: 'closed', classes: ['read'], connections, durationMs: seconds * 1000 };
}

function perCpuSecond({ requests, cpuMs }: Cost): number {
  return (1000 * requests) / cpuMs;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}
