import type { Guardian } from '../guardian.ts';
import { tryGroup } from './cgroup-folder.ts';
import { cgroupV1 } from './cgroup-v1.ts';
import { cgroupV2 } from './cgroup-v2.ts';
import type { CpuLimits } from './cpu-limits.ts';
import { systemdScope } from './systemd-scope.ts';

/**
 * The best method that works here. Each is tried for real before it is trusted, because permissions,
 * containers and delegation make the presence of files meaningless. `root` replaces `/` in tests.
 */
export async function detectLimits(options: {
  readonly guardian: Guardian;
  readonly want: 'auto' | 'none';
  readonly root?: string;
}): Promise<CpuLimits> {
  if (options.want === 'none') return noLimits('CPU quotas were switched off');
  const root = options.root ?? '';
  const reasons: string[] = [];
  for (const attempt of [cgroupV1, cgroupV2, systemdScope]) {
    const result = await attempt({ guardian: options.guardian, root, tryOut: tryGroup });
    if ('method' in result) return result;
    reasons.push(result.reason);
  }
  return noLimits(`this machine allows no CPU quotas (${reasons.join('; ')})`);
}

function noLimits(reason: string): CpuLimits {
  return {
    method: 'none',
    parents: [],
    finding: {
      severity: 'warning',
      id: 'no-quota',
      message:
        `${reason}: all nodes share the same cores, so replicas add work but no machine. ` +
        'The ratio between the arms predicts nothing about replicas on machines of their own.',
    },
    createGroup: async () => ({
      wrap: (command) => command,
      add: async () => undefined,
      limit: async () => undefined,
      cpuSource: (pid) => (process.platform === 'linux' ? { kind: 'process-tree', pid } : { kind: 'none' }),
      [Symbol.asyncDispose]: async () => undefined,
    }),
  };
}
