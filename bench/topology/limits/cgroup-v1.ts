/**
 * cgroup v1: `cpu` limits, `cpuacct` counts. They may be mounted together or apart, and a process has
 * to be put into both.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Guardian } from '../guardian.ts';
import { makeCgroupFolder, reasonOf, removeCgroupFolder } from './cgroup-folder.ts';
import { findCgroup } from './cgroup-mounts.ts';
import { type CpuGroup, type LimitAttempt, quotaOf } from './cpu-limits.ts';

export const cgroupV1: LimitAttempt = async ({ guardian, root, tryOut }) => {
  const cpu = findCgroup(root, 'cpu');
  const cpuacct = findCgroup(root, 'cpuacct');
  if (cpu === null || cpuacct === null) return { reason: 'no cgroup v1 with cpu and cpuacct' };
  const create = (part: string) => createGroup(cpu.own, cpuacct.own, part, guardian);
  try {
    await tryOut(() => create('trial'));
  } catch (error) {
    return { reason: `cgroup v1 in ${cpu.own}: ${reasonOf(error)}` };
  }
  return {
    method: 'cgroup-v1',
    parents: [...new Set([cpu.own, cpuacct.own])],
    finding: null,
    createGroup: create,
  };
};

async function createGroup(
  cpuParent: string,
  cpuacctParent: string,
  part: string,
  guardian: Guardian,
): Promise<CpuGroup> {
  const cpuDir = join(cpuParent, `${guardian.runName}.${part}`);
  const cpuacctDir = join(cpuacctParent, `${guardian.runName}.${part}`);
  const dirs = [...new Set([cpuDir, cpuacctDir])];
  for (const dir of dirs) await makeCgroupFolder(dir, guardian);
  return {
    wrap: (command) => command,
    async add(pid) {
      for (const dir of dirs) await writeFile(join(dir, 'cgroup.procs'), `${pid}`);
    },
    async limit(cpus) {
      if (cpus === null) return writeFile(join(cpuDir, 'cpu.cfs_quota_us'), '-1');
      const { quotaUs, periodUs } = quotaOf(cpus);
      // The other way round, the new period could be refused against the old quota.
      await writeFile(join(cpuDir, 'cpu.cfs_quota_us'), '-1');
      await writeFile(join(cpuDir, 'cpu.cfs_period_us'), `${periodUs}`);
      await writeFile(join(cpuDir, 'cpu.cfs_quota_us'), `${quotaUs}`);
    },
    cpuSource: () => ({ kind: 'cgroup', version: 1, usageDir: cpuacctDir, throttleDir: cpuDir }),
    async [Symbol.asyncDispose]() {
      for (const dir of dirs) await removeCgroupFolder(dir);
    },
  };
}
