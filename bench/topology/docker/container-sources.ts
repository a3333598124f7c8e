/** Where a container's CPU time and memory are read: the cgroup that its first process is in. */
import { existsSync } from 'node:fs';
import type { CpuSource, MemorySource } from '../../model.ts';
import { findCgroup } from '../limits/cgroup-mounts.ts';

export interface ContainerSources {
  readonly cpu: CpuSource;
  readonly memory: MemorySource;
}

export const noSources: ContainerSources = { cpu: { kind: 'none' }, memory: { kind: 'none' } };

/**
 * `pid` is the container's `State.Pid`. Of an engine on another machine, or in a virtual one, that pid is
 * somebody else here; so the group must carry the container's id. `root` replaces `/` in tests.
 */
export function containerSources(containerId: string, pid: number, root = ''): ContainerSources {
  const folder = (controller: string | null): string | null => {
    const dir = findCgroup(root, controller, pid)?.own;
    return dir?.includes(containerId) && existsSync(dir) ? dir : null;
  };
  const cpu = folder('cpu');
  const cpuacct = folder('cpuacct');
  const memory = folder('memory');
  const unified = folder(null);
  // With both versions mounted, the controllers are in the first, and the second is an empty frame.
  if (cpu !== null && cpuacct !== null) {
    return {
      cpu: { kind: 'cgroup', version: 1, usageDir: cpuacct, throttleDir: cpu },
      memory: memory === null ? { kind: 'none' } : { kind: 'cgroup', version: 1, dir: memory },
    };
  }
  if (unified === null) return noSources;
  return {
    cpu: { kind: 'cgroup', version: 2, usageDir: unified, throttleDir: unified },
    memory: { kind: 'cgroup', version: 2, dir: unified },
  };
}
