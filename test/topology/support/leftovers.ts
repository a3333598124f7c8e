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
  return inspect(runId).map(({ pid, commandLine }) => `process ${pid}: ${commandLine}`);
}

/** Everything another user might read of the processes of a run. */
export function exposedBy(runId: string): string[] {
  return inspect(runId).flatMap(({ commandLine, environment }) => [commandLine, environment]);
}

/** System V segments and /dev/shm files of the servers of a run: what a killed one cannot give back. */
export function sharedMemoryOf(runId: string): string[] {
  const found = inspect(runId).flatMap(({ maps }) => [
    ...[...maps.matchAll(/ (\d+) +\/SYSV/g)].flatMap((match) => match[1] ?? []),
    ...[...maps.matchAll(/\/dev\/shm\/(\S+)/g)].flatMap((match) => match[1] ?? []),
  ]);
  return [...new Set(found)];
}

/** Those of the given that still exist. */
export function stillShared(memory: readonly string[]): string[] {
  const segments = readFileSync('/proc/sysvipc/shm', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/)[1] ?? '');
  const existing = new Set([...segments, ...readdirSync('/dev/shm')]);
  return memory.filter((name) => existing.has(name));
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

function inspect(runId: string) {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid);
  return pids.flatMap((pid) => {
    const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8').replaceAll('\0', ' ');
    try {
      const folder = readlinkSync(`/proc/${pid}/cwd`);
      const [commandLine, environment, maps] = [read('cmdline'), read('environ'), read('maps')];
      const isOfRun = [commandLine, environment, folder].some((text) => text.includes(runId));
      return isOfRun ? [{ pid, commandLine, environment, maps }] : [];
    } catch {
      return []; // ended meanwhile
    }
  });
}
