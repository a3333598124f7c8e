import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { ancestors, findCgroup } from './cgroup-mounts.ts';

/**
 * Cores this process and its children can use together: the cores it may run on, or less where a
 * container or a service has a quota of its own. `root` replaces `/` in tests.
 */
export function availableCores(root = ''): number {
  const v1 = ancestors(findCgroup(root, 'cpu')).map((dir) => {
    const quotaUs = Number(read(join(dir, 'cpu.cfs_quota_us')));
    return quotaUs > 0 ? quotaUs / Number(read(join(dir, 'cpu.cfs_period_us'))) : null;
  });
  const v2 = ancestors(findCgroup(root, null)).map((dir) => {
    const [quota, period] = read(join(dir, 'cpu.max')).split(' ').map(Number);
    return quota !== undefined && quota > 0 && period !== undefined ? quota / period : null;
  });
  return Math.min(
    availableParallelism(),
    ...[...v1, ...v2].filter((cores) => cores !== null && cores > 0).map(Number),
  );
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return ''; // the top of the hierarchy has no quota file
  }
}
