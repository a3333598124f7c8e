/**
 * cgroup v2: one hierarchy. A group can be limited only if its parent hands the cpu controller down
 * (`cgroup.subtree_control`), which a parent with processes of its own may not do. So the parent is
 * looked for from this process' own group upwards: for an ordinary user that ends at the top of what
 * was delegated to them, for root at the top of the hierarchy, which is exempt from that rule.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Guardian } from '../guardian.ts';
import { makeCgroupFolder, reasonOf, removeCgroupFolder } from './cgroup-folder.ts';
import { ancestors, findCgroup } from './cgroup-mounts.ts';
import { type CpuGroup, type LimitAttempt, quotaOf } from './cpu-limits.ts';

export const cgroupV2: LimitAttempt = async ({ guardian, root, tryOut }) => {
  const place = findCgroup(root, null);
  if (place === null) return { reason: 'no cgroup v2' };
  const reasons: string[] = [];
  for (const parent of ancestors(place)) {
    const create = (part: string) => createGroup(parent, part, guardian);
    try {
      await handDownCpu(parent);
      await tryOut(() => create('trial'));
    } catch (error) {
      reasons.push(`${parent}: ${reasonOf(error)}`);
      continue;
    }
    return { method: 'cgroup-v2', parents: [parent], finding: null, createGroup: create };
  }
  return { reason: `cgroup v2: ${reasons.at(-1) ?? 'nowhere to make a group'}` };
};

async function handDownCpu(parent: string): Promise<void> {
  const has = async (file: string) =>
    (await readFile(join(parent, file), 'utf8')).trim().split(/\s+/).includes('cpu');
  if (await has('cgroup.subtree_control')) return;
  if (!(await has('cgroup.controllers'))) throw new Error('the cpu controller is not available');
  await writeFile(join(parent, 'cgroup.subtree_control'), '+cpu');
}

async function createGroup(parent: string, part: string, guardian: Guardian): Promise<CpuGroup> {
  const dir = join(parent, `${guardian.runName}.${part}`);
  await makeCgroupFolder(dir, guardian);
  return {
    wrap: (command) => command,
    add: (pid) => writeFile(join(dir, 'cgroup.procs'), `${pid}`),
    async limit(cpus) {
      const { quotaUs, periodUs } = quotaOf(cpus ?? 1);
      await writeFile(join(dir, 'cpu.max'), `${cpus === null ? 'max' : quotaUs} ${periodUs}`);
    },
    cpuSource: () => ({ kind: 'cgroup', version: 2, usageDir: dir, throttleDir: dir }),
    [Symbol.asyncDispose]: () => removeCgroupFolder(dir),
  };
}
