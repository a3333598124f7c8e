/**
 * Ends and removes everything that belongs to a run, whatever state it is in. Used by the guardian
 * when the harness is gone and by the sweep of earlier runs; safe to run twice, even at once.
 */
import { existsSync, rmdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProcesses, isAlive, type ProcessIdentity } from './process-table.ts';
import { removeSharedMemory, type SharedMemory, sharedMemoryOf } from './shared-memory.ts';

export interface Belongings {
  /** Null = do not look at environments. */
  readonly runId: string | null;
  readonly directories: readonly string[];
  readonly cgroups: readonly string[];
  /** The only way to find processes where there is no /proc. */
  readonly processes: readonly ProcessIdentity[];
  /** Of servers that may have died earlier without giving it back. */
  readonly sharedMemory: readonly SharedMemory[];
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
  for (const memory of belongings.sharedMemory) attempt(() => removeSharedMemory(memory));
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

/** SIGKILL to every process found, and removal of the shared memory it held. Returns how many were found. */
export function endProcesses(belongings: Omit<Belongings, 'sharedMemory'>): number {
  const found = [...findProcesses(belongings), ...belongings.processes.filter(isAlive)];
  const held = found.map(({ pid }) => sharedMemoryOf(pid));
  for (const { pid } of found) attempt(() => process.kill(pid, 'SIGKILL'));
  for (const memory of held) attempt(() => removeSharedMemory(memory));
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

/** What fails here is looked at again by `remaining`, which is the judge. */
function attempt(action: () => unknown): void {
  try {
    action();
  } catch {
    return;
  }
}
