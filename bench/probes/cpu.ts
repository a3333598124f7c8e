import type { CpuSource, Reading } from '../model.ts';
import { monotonicMs } from '../monotonic-clock.ts';
import { readCgroupCpu } from './cgroup-cpu.ts';
import { type Counters, createContinuedCounters } from './continued-counters.ts';
import { toMicrosecond } from './microsecond.ts';
import type { Probe } from './probe.ts';
import { createProcessTree } from './process-tree.ts';

export interface CpuSubject {
  readonly subject: string;
  /** Asked at every sample, so a getter may follow a node that was restarted. */
  readonly source: CpuSource;
}

/**
 * Cumulative CPU time of each subject: `cpuMs`, and for cgroups with a quota `throttledMs`,
 * `throttledPeriods`, `periods` and the gauge `quotaCores`. A process tree with the id of this very process is this process alone.
 * Counters go on from their last value when a source is replaced or
 * starts again at zero, so a difference of two readings is never negative.
 */
export function createCpuProbe(
  subjects: readonly CpuSubject[],
  options: { readonly everyMs?: number; readonly clock?: () => number } = {},
): Probe {
  const clock = options.clock ?? monotonicMs;
  const meters = subjects.map((subject) => createMeter(subject));
  return {
    name: 'cpu',
    everyMs: options.everyMs ?? 250,
    async sample(report) {
      const readings: Reading[] = [];
      for (const { subject, read } of meters) {
        try {
          const values = read();
          if (values !== undefined)
            readings.push({ atMs: toMicrosecond(clock()), probe: 'cpu', subject, values });
        } catch (cause) {
          report?.(new Error(`CPU time of ${subject} cannot be read`, { cause }));
        }
      }
      return readings;
    },
    async [Symbol.asyncDispose]() {
      // Nothing is held open between samples.
    },
  };
}

interface CpuValues {
  readonly counters: Counters;
  readonly gauges?: Readonly<Record<string, number>>;
}

function createMeter(of: CpuSubject): { subject: string; read: () => Counters | undefined } {
  const continued = createContinuedCounters();
  let key = '';
  let readSource: () => CpuValues | undefined = () => undefined;
  return {
    subject: of.subject,
    read() {
      const { source } = of;
      const sourceKey = JSON.stringify(source);
      if (sourceKey !== key) {
        key = sourceKey;
        readSource = openSource(source);
        continued.restart();
      }
      const values = readSource();
      return values === undefined ? undefined : { ...continued.next(values.counters), ...values.gauges };
    },
  };
}

function openSource(source: CpuSource): () => CpuValues | undefined {
  switch (source.kind) {
    case 'cgroup':
      return () => {
        const { cpuMs, throttling, quotaCores } = readCgroupCpu(source);
        return {
          counters: { cpuMs, ...throttling },
          ...(quotaCores !== undefined && { gauges: { quotaCores } }),
        };
      };
    case 'process-tree': {
      // The harness's tree would hold everything that it started, subjects of their own: it alone is meant.
      if (source.pid === process.pid) return ownCpu;
      const tree = createProcessTree(source.pid, { descendEvery: 5 });
      return () => {
        const cpuMs = tree.cpuMs();
        return cpuMs === undefined ? undefined : { counters: { cpuMs } };
      };
    }
    case 'none':
      return () => undefined;
  }
}

function ownCpu(): CpuValues {
  const { user, system } = process.cpuUsage();
  return { counters: { cpuMs: (user + system) / 1e3 } };
}
