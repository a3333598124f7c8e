/** What is left of a run on this machine, looked for in other ways than the guardian does. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const hierarchies = [
  '/sys/fs/cgroup',
  '/sys/fs/cgroup/cpu',
  '/sys/fs/cgroup/cpuacct',
  '/sys/fs/cgroup/unified',
];

export function leftoversOf(runId: string, parentDirs: readonly string[] = []): string[] {
  const mark = `replibench-${runId}-`;
  const entries = [...new Set([tmpdir(), ...parentDirs, ...hierarchies])].flatMap((parent) =>
    existsSync(parent)
      ? readdirSync(parent)
          .filter((name) => name.startsWith(mark))
          .map((name) => join(parent, name))
      : [],
  );
  return [...entries, ...processesOf(runId)];
}

/** Processes of a run, the guardian included, by what they were started with. */
export function processesOf(runId: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .flatMap((pid) => {
      try {
        const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
        const folder = readlinkSync(`/proc/${pid}/cwd`);
        const isOfRun = [commandLine, environment, folder].some((text) => text.includes(runId));
        return isOfRun ? [`process ${pid}: ${commandLine}`] : [];
      } catch {
        return []; // ended meanwhile
      }
    });
}

/** System V segments mapped by the servers of a run: what a killed postmaster cannot give back. */
export function sharedMemoryOf(runId: string): string[] {
  return processesOf(runId).flatMap((line) => {
    const pid = /^process (\d+)/.exec(line)?.[1];
    const maps = readFileSync(`/proc/${pid}/maps`, 'utf8');
    return [...maps.matchAll(/ (\d+) +\/SYSV/g)].flatMap((match) => match[1] ?? []);
  });
}

export function existingSegments(): string[] {
  const [, ...lines] = readFileSync('/proc/sysvipc/shm', 'utf8').trim().split('\n');
  return lines.map((line) => line.trim().split(/\s+/)[1] ?? '');
}

/** Looks again until nothing is left or the time is over, and returns the last look. */
export async function leftoversAfter(look: () => string[], timeoutMs: number): Promise<string[]> {
  const givenUpAt = performance.now() + timeoutMs;
  let left = look();
  while (left.length > 0 && performance.now() < givenUpAt) {
    await sleep(20);
    left = look();
  }
  return left;
}
