/**
 * Ends and removes everything that belongs to a run, whatever state it is in. Used by the guardian
 * when the harness is gone and by the sweep of earlier runs; safe to run twice, even at once.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProcesses, isAlive, type ProcessIdentity } from './process-table.ts';

export interface Belongings {
  /** Null = do not look at environments. */
  readonly runId: string | null;
  readonly directories: readonly string[];
  readonly cgroups: readonly string[];
  /** The only way to find processes where there is no /proc. */
  readonly processes: readonly ProcessIdentity[];
}

/** Returns one sentence per thing that could not be removed within `deadlineMs`; empty = all gone. */
export async function removeLeftovers(belongings: Belongings, deadlineMs: number): Promise<string[]> {
  const givenUpAt = performance.now() + deadlineMs;
  const outOfTime = () => performance.now() > givenUpAt;

  // A child between fork and exec has neither its own folder nor its own environment yet, so one
  // empty look proves nothing; killed processes may also have forked after they were listed.
  for (let emptyLooks = 0; emptyLooks < 2 && !outOfTime(); ) {
    const found = endProcesses(belongings);
    emptyLooks = found === 0 ? emptyLooks + 1 : 0;
    await sleep(20);
  }
  while (remaining(belongings).length > 0 && !outOfTime()) {
    endProcesses(belongings);
    // Several unlinks at once: where each waits for the disk, thousands of files take too long in a row.
    await Promise.allSettled(
      belongings.directories.map((path) => rm(path, { recursive: true, force: true })),
    );
    for (const cgroup of belongings.cgroups) attempt(() => rmdirSync(cgroup));
    if (remaining(belongings).length > 0) await sleep(20);
  }
  return remaining(belongings);
}

/**
 * SIGKILL to every process found, and removal of the shared memory that PostgreSQL cannot give back
 * when it dies that way: a System V segment and /dev/shm files per node. Returns how many were found.
 */
export function endProcesses(belongings: Belongings): number {
  const found = [...findProcesses(belongings), ...belongings.processes.filter(isAlive)];
  const segments = found.map(({ pid }) => sharedMemoryOf(pid));
  for (const { pid } of found) attempt(() => process.kill(pid, 'SIGKILL'));
  for (const file of new Set(segments.flatMap(({ files }) => files))) rmSync(file, { force: true });
  for (const id of new Set(segments.flatMap(({ ids }) => ids))) {
    // Marked for removal now, freed by the kernel with the last process attached to it.
    attempt(() => execFileSync('ipcrm', ['-m', id], { stdio: 'ignore' }));
  }
  return found.length;
}

function remaining(belongings: Belongings): string[] {
  return [
    ...findProcesses(belongings).map(({ pid }) => `process ${pid} still runs`),
    ...belongings.processes.filter(isAlive).map(({ pid }) => `process ${pid} still runs`),
    ...belongings.directories.filter(existsSync).map((path) => `folder ${path} is still there`),
    ...belongings.cgroups.filter(existsSync).map((path) => `cgroup ${path} is still there`),
  ];
}

function sharedMemoryOf(pid: number): { files: string[]; ids: string[] } {
  let maps = '';
  attempt(() => {
    maps = readFileSync(`/proc/${pid}/maps`, 'utf8');
  });
  return {
    files: [...maps.matchAll(/ (\/dev\/shm\/PostgreSQL\.\S+)$/gm)].flatMap(([, file]) => file ?? []),
    // The inode column of a System V mapping is the segment's id.
    ids: [...maps.matchAll(/ (\d+) +\/SYSV\S+ \(deleted\)$/gm)].flatMap(([, id]) => id ?? []),
  };
}

/** What fails here is looked at again by `remaining`, which is the judge. */
function attempt(action: () => unknown): void {
  try {
    action();
  } catch {
    return;
  }
}
