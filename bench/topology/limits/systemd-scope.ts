/**
 * For an ordinary user without a cgroup of their own: the user's systemd starts each node in a
 * transient scope and sets the quota there.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { reasonOf } from './cgroup-folder.ts';
import { findCgroup } from './cgroup-mounts.ts';
import { type CpuGroup, type LimitAttempt, quotaOf } from './cpu-limits.ts';

const run = promisify(execFile);

export const systemdScope: LimitAttempt = async ({ guardian, root }) => {
  const mountPoint = findCgroup(root, null)?.mountPoint;
  if (mountPoint === undefined) return { reason: 'no cgroup v2 for systemd-run' };
  try {
    // systemd accepts the property without a word where the cpu controller is not delegated; the
    // limit of the scope itself is the only proof.
    const script = `cat "${mountPoint}$(sed -n 's/^0:://p' /proc/self/cgroup)/cpu.max"`;
    const trial = scopeCommand(`${guardian.runName}.trial`, ['-p', 'CPUQuota=50%']);
    const { stdout } = await run(trial[0], [...trial.slice(1), '/bin/sh', '-c', script], { timeout: 5000 });
    if (!/^\d+ \d+/.test(stdout))
      return { reason: `systemd-run does not limit: cpu.max is "${stdout.trim()}"` };
  } catch (error) {
    return { reason: `systemd-run: ${reasonOf(error).split('\n').at(-1)}` };
  }
  return {
    method: 'systemd-scope',
    parents: [],
    finding: null,
    createGroup: async (part) => createGroup(`${guardian.runName}.${part}`, mountPoint),
  };
};

function createGroup(unit: string, mountPoint: string): CpuGroup {
  return {
    wrap: (command) => [...scopeCommand(unit, []), ...command],
    add: async () => undefined, // systemd-run moves itself before it becomes the command
    async limit(cpus) {
      const { quotaUs, periodUs } = quotaOf(cpus ?? 1);
      const percent = cpus === null ? '' : `${(quotaUs / periodUs) * 100}%`;
      await run('systemctl', [
        '--user',
        'set-property',
        '--runtime',
        `${unit}.scope`,
        `CPUQuota=${percent}`,
        `CPUQuotaPeriodSec=${periodUs}us`,
      ]);
    },
    cpuSource(pid) {
      const own = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1];
      if (own === undefined) return { kind: 'process-tree', pid };
      const dir = join(mountPoint, own);
      return { kind: 'cgroup', version: 2, usageDir: dir, throttleDir: dir };
    },
    [Symbol.asyncDispose]: async () => undefined, // --collect removes the scope with its last process
  };
}

function scopeCommand(unit: string, properties: readonly string[]): [string, ...string[]] {
  return [
    'systemd-run',
    '--user',
    '--scope',
    '--quiet',
    '--collect',
    `--unit=${unit}.scope`,
    ...properties,
    '--',
  ];
}
