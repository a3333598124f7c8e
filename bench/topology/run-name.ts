/**
 * One name for everything a run leaves on the machine: folders and cgroups are called
 * `replibench-RUNID-PID-STARTTIME-PIDNAMESPACE[.part]`, so that any later run can tell from the name
 * alone whether the owner still lives, even after a reboot or when pids have been reused.
 */
import { readlinkSync } from 'node:fs';
import { EnvironmentError, UsageError } from '../model.ts';
import { identify, isAlive, type ProcessIdentity } from './process-table.ts';

export interface RunName {
  /** Without the part. */
  readonly name: string;
  readonly runId: string;
  readonly owner: ProcessIdentity;
  readonly pidNamespace: string;
}

/** Name of a run owned by the calling process. Throws UsageError on a run id unfit for a file name. */
export function nameRun(runId: string): RunName {
  if (!/^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/.test(runId)) {
    throw new UsageError(`run id ${JSON.stringify(runId)}: use 1 to 64 letters, digits and hyphens`);
  }
  const owner = identify(process.pid);
  if (owner === null) throw new EnvironmentError(`cannot read the start time of process ${process.pid}`);
  const pidNamespace = currentPidNamespace();
  return {
    name: `replibench-${runId}-${owner.pid}-${owner.startTime}-${pidNamespace}`,
    runId,
    owner,
    pidNamespace,
  };
}

/** Null when the file name does not belong to a run. */
export function parseRunName(fileName: string): RunName | null {
  const match = /^(replibench-(.+)-(\d+)-(\d+)-(\d+))(?:\..*)?$/.exec(fileName);
  const [, name, runId, pid, startTime, pidNamespace] = match ?? [];
  if (!name || !runId || !pid || !startTime || !pidNamespace) return null;
  return { name, runId, owner: { pid: Number(pid), startTime }, pidNamespace };
}

/** False while the owner may live: also when it belongs to another container, whose pids we cannot see. */
export function isAbandoned(run: RunName): boolean {
  return run.pidNamespace === currentPidNamespace() && !isAlive(run.owner);
}

function currentPidNamespace(): string {
  if (process.platform !== 'linux') return '0';
  return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
}
