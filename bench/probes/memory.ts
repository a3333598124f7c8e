import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MemorySource, Reading } from '../model.ts';
import { monotonicMs } from '../monotonic-clock.ts';
import { toMicrosecond } from './microsecond.ts';
import type { Probe } from './probe.ts';

export interface MemorySubject {
  readonly subject: string;
  readonly source: MemorySource;
}

type CgroupMemory = Extract<MemorySource, { kind: 'cgroup' }>;

/**
 * Memory of each subject that has a cgroup of its own: `memoryBytes` is the working set, what is used
 * less the file cache that the kernel would give back first (the figure of `docker stats` and of
 * Kubernetes), `limitBytes` what the group may have. Without a limit the latter is absent.
 */
export function createMemoryProbe(
  subjects: readonly MemorySubject[],
  options: { readonly everyMs?: number; readonly clock?: () => number } = {},
): Probe {
  const clock = options.clock ?? monotonicMs;
  return {
    name: 'memory',
    everyMs: options.everyMs ?? 1_000,
    async sample(report) {
      const readings: Reading[] = [];
      for (const { subject, source } of subjects) {
        if (source.kind === 'none') continue;
        try {
          const values = readMemory(source);
          readings.push({ atMs: toMicrosecond(clock()), probe: 'memory', subject, values });
        } catch (cause) {
          report?.(new Error(`memory of ${subject} cannot be read`, { cause }));
        }
      }
      return readings;
    },
    async [Symbol.asyncDispose]() {
      // Nothing is held open between samples.
    },
  };
}

const files = {
  1: { usage: 'memory.usage_in_bytes', limit: 'memory.limit_in_bytes', inactive: 'total_inactive_file' },
  2: { usage: 'memory.current', limit: 'memory.max', inactive: 'inactive_file' },
} as const;

/** No limit is the word `max` in version 2, and a number near 2^63 in version 1. */
const noLimitBytes = 2 ** 60;

function readMemory({ version, dir }: CgroupMemory): Readonly<Record<string, number>> {
  const read = (file: string) => readFileSync(join(dir, file), 'latin1');
  const names = files[version];
  const inactive = new RegExp(`^${names.inactive} (\\d+)$`, 'm').exec(read('memory.stat'))?.[1];
  if (inactive === undefined) throw new Error(`${dir}/memory.stat has no line ${names.inactive}`);
  const limitBytes = Number(read(names.limit));
  return {
    memoryBytes: Math.max(0, Number(read(names.usage)) - Number(inactive)),
    ...(limitBytes < noLimitBytes && { limitBytes }),
  };
}
