import { readFileSync } from 'node:fs';
import type { CpuSource } from '../../model.ts';

/**
 * The engine itself and the proxies that carry what goes through published ports: work of ours that no
 * container's cgroup counts. None where the engine runs elsewhere or does not say its pid.
 */
export function engineCpu(pidFile = '/var/run/docker.pid'): CpuSource {
  let pid: number;
  try {
    pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
    const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    return name === 'dockerd' ? { kind: 'process-tree', pid } : { kind: 'none' };
  } catch {
    return { kind: 'none' };
  }
}
