/** A cgroup as a folder: making it, waiting until it can be removed, and trying whether it works at all. */
import { existsSync } from 'node:fs';
import { mkdir, rmdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { EnvironmentError } from '../../model.ts';
import { spawnGated } from '../gate.ts';
import type { Guardian } from '../guardian.ts';
import type { CpuGroup } from './cpu-limits.ts';

export async function makeCgroupFolder(path: string, guardian: Guardian): Promise<void> {
  await guardian.registerCgroup(path);
  await mkdir(path);
}

/** The kernel keeps a group busy until the last process in it is gone for good, a little after its exit. */
export async function removeCgroupFolder(path: string): Promise<void> {
  const givenUpAt = performance.now() + 2000;
  while (existsSync(path)) {
    try {
      await rmdir(path);
    } catch (cause) {
      if (performance.now() > givenUpAt)
        throw new EnvironmentError(`cannot remove the cgroup ${path}`, { cause });
      await sleep(10);
    }
  }
}

/** Limits and fills a group for a moment. Throws what the system said when it does not allow that. */
export async function tryGroup(create: () => Promise<CpuGroup>): Promise<void> {
  await using group = await create();
  await group.limit(0.5);
  const gated = await spawnGated(['/bin/sh', '-c', ':'], { cwd: '/', env: {}, output: 2 });
  const exited = new Promise<void>((resolve) => gated.child.once('exit', () => resolve()));
  try {
    await group.add(gated.pid);
  } finally {
    gated.open();
    await exited;
  }
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
