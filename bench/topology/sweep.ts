/** Removes what earlier runs left behind when their harness and their guardian both died. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { removeLeftovers } from './leftovers.ts';
import { isAbandoned, parseRunName } from './run-name.ts';

/**
 * `directoryParents` and `cgroupParents` are the folders in which runs make theirs. Returns one
 * sentence per thing that could not be removed. What belongs to other users is left to them.
 */
export async function sweepAbandonedRuns(
  directoryParents: readonly string[],
  cgroupParents: readonly string[],
): Promise<string[]> {
  const runs = new Map<string, { runId: string; directories: string[]; cgroups: string[] }>();
  const note = (parents: readonly string[], kind: 'directories' | 'cgroups') => {
    for (const parent of new Set(parents)) {
      for (const entry of list(parent)) {
        const run = parseRunName(entry);
        if (run === null || !isAbandoned(run) || !isOurs(join(parent, entry))) continue;
        const found = runs.get(run.name) ?? { runId: run.runId, directories: [], cgroups: [] };
        found[kind].push(join(parent, entry));
        runs.set(run.name, found);
      }
    }
  };
  note(directoryParents, 'directories');
  note(cgroupParents, 'cgroups');
  const failures = [...runs.values()].map((run) =>
    removeLeftovers({ ...run, processes: [], sharedMemory: [] }, 2000),
  );
  return (await Promise.all(failures)).flat();
}

function list(parent: string): string[] {
  try {
    return readdirSync(parent);
  } catch {
    return []; // not there, nothing left there
  }
}

function isOurs(path: string): boolean {
  const uid = process.getuid?.();
  try {
    return uid === 0 || statSync(path).uid === uid;
  } catch {
    return false; // removed meanwhile
  }
}
