import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { monotonicMs } from '../monotonic-clock.ts';
import { toMicrosecond } from './microsecond.ts';
import type { Probe } from './probe.ts';

/** USER_HZ of every Linux that Node runs on: the unit of /proc/stat. */
const millisecondsPerTick = 10;

/**
 * How busy the machine is, our own processes and everybody else's: cumulative, all cores together,
 * `busyMs`, `idleMs`, `iowaitMs`, `stealMs` (taken by the hypervisor), `runQueueWaitMs` (ready but not
 * running), `pressureCpuSomeMs` and `pressureIoSomeMs` (somebody was stalled), and the gauges
 * `loadAverage1` and `cores`. What this kernel does not tell is absent. `procDir` is for tests.
 */
export function createHostProbe(
  options: { readonly everyMs?: number; readonly clock?: () => number; readonly procDir?: string } = {},
): Probe {
  const clock = options.clock ?? monotonicMs;
  const procDir = options.procDir ?? '/proc';
  const read = (file: string): string | undefined => {
    try {
      return readFileSync(`${procDir}/${file}`, 'latin1');
    } catch {
      // Not every kernel has every file (pressure needs CONFIG_PSI, schedstat CONFIG_SCHEDSTATS).
      return undefined;
    }
  };
  return {
    name: 'host',
    everyMs: options.everyMs ?? 250,
    async sample() {
      const values = {
        ...processorTimes(read('stat')),
        ...present('runQueueWaitMs', runQueueWaitMs(read('schedstat'))),
        ...present('pressureCpuSomeMs', pressureMs(read('pressure/cpu'))),
        ...present('pressureIoSomeMs', pressureMs(read('pressure/io'))),
        ...present('loadAverage1', Number(read('loadavg')?.split(' ')[0] ?? Number.NaN)),
        cores: availableParallelism(),
      };
      return [{ atMs: toMicrosecond(clock()), probe: 'host', subject: 'host', values }];
    },
    async [Symbol.asyncDispose]() {
      // Nothing is held open between samples.
    },
  };
}

function processorTimes(stat: string | undefined): Readonly<Record<string, number>> {
  const fields = stat?.slice(0, stat.indexOf('\n')).trim().split(/\s+/).slice(1).map(Number) ?? [];
  const [user, nice, system, idle, iowait, irq, softirq, steal] = fields;
  if (user === undefined || nice === undefined || system === undefined || idle === undefined) return {};
  // Guest time is part of user time already.
  const busy = user + nice + system + (irq ?? 0) + (softirq ?? 0);
  return {
    busyMs: busy * millisecondsPerTick,
    idleMs: idle * millisecondsPerTick,
    ...(iowait !== undefined && { iowaitMs: iowait * millisecondsPerTick }),
    ...(steal !== undefined && { stealMs: steal * millisecondsPerTick }),
  };
}

/** Eighth number of each `cpuN` line: nanoseconds that tasks waited to run. */
function runQueueWaitMs(schedstat: string | undefined): number {
  if (schedstat === undefined) return Number.NaN;
  let nanoseconds = 0;
  for (const line of schedstat.split('\n'))
    if (line.startsWith('cpu')) nanoseconds += Number(line.split(' ')[8]);
  return nanoseconds / 1e6;
}

/** `total=` of the line `some`: microseconds in which at least one task was stalled. */
function pressureMs(pressure: string | undefined): number {
  return Number(/^some .*total=(\d+)/m.exec(pressure ?? '')?.[1] ?? Number.NaN) / 1e3;
}

function present(name: string, value: number): Readonly<Record<string, number>> {
  return Number.isFinite(value) ? { [name]: value } : {};
}
