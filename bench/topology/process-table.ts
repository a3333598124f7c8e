/**
 * Questions to the operating system about processes. On Linux from /proc; elsewhere from `ps`, which
 * knows neither working folders nor environments, so there only registered processes can be found.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { sep } from 'node:path';

/** A pid alone says nothing once it has been reused; with the start time it names one process. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Digits: clock ticks since boot on Linux, seconds since 1970 elsewhere. */
  readonly startTime: string;
}

/** The environment variable that marks every process of a run. */
export const runIdVariable = 'REPLIBENCH_RUN_ID';

/** Null when there is no such process, or only its zombie. */
export function identify(pid: number): ProcessIdentity | null {
  const startTime = process.platform === 'linux' ? startTimeFromProc(pid) : startTimeFromPs(pid);
  return startTime === null ? null : { pid, startTime };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTime === identity.startTime;
}

/**
 * Every process, except the calling one, that works inside one of `directories`, carries `runId` in
 * its environment, or is a member of one of `cgroups`. Linux only, empty elsewhere.
 */
export function findProcesses(of: {
  readonly directories: readonly string[];
  readonly cgroups: readonly string[];
  readonly runId: string | null;
}): ProcessIdentity[] {
  if (process.platform !== 'linux') return [];
  const members = new Set(of.cgroups.flatMap(membersOfCgroup));
  const mark = of.runId === null ? null : `${runIdVariable}=${of.runId}`;
  return allPids()
    .filter((pid) => pid !== process.pid)
    .filter((pid) => members.has(pid) || worksInside(pid, of.directories) || carries(pid, mark))
    .map(identify)
    .filter((identity) => identity !== null);
}

/** The processes that `pid` started and that still run; not their children in turn. */
export function childrenOf(pid: number): number[] {
  if (process.platform === 'linux') return allPids().filter((child) => statFields(child)?.[1] === `${pid}`);
  return execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([child, parent]) => (parent === pid && child !== undefined ? [child] : []));
}

export function membersOfCgroup(dir: string): number[] {
  return readOr(`${dir}/cgroup.procs`, '').split('\n').filter(Boolean).map(Number);
}

function allPids(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

function worksInside(pid: number, directories: readonly string[]): boolean {
  let cwd: string;
  try {
    cwd = readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return false; // gone meanwhile, a kernel thread, or another user's
  }
  return directories.some((directory) => {
    // The kernel appends this to the path of a folder that was removed under a running process.
    const path = cwd.endsWith(' (deleted)') ? cwd.slice(0, -' (deleted)'.length) : cwd;
    return path === directory || path.startsWith(directory + sep);
  });
}

function carries(pid: number, mark: string | null): boolean {
  return mark !== null && readOr(`/proc/${pid}/environ`, '').split('\0').includes(mark);
}

/** Fields of /proc/PID/stat after the command name, which may hold spaces and brackets: state is 0, ppid is 1. */
function statFields(pid: number): string[] | null {
  const stat = readOr(`/proc/${pid}/stat`, '');
  return stat === '' ? null : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function startTimeFromProc(pid: number): string | null {
  const fields = statFields(pid);
  if (fields === null || fields[0] === 'Z' || fields[0] === 'X') return null;
  return fields[19] ?? null;
}

function startTimeFromPs(pid: number): string | null {
  let line: string;
  try {
    line = execFileSync('ps', ['-o', 'state=,lstart=', '-p', `${pid}`], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
    }).trim();
  } catch {
    return null; // ps exits 1 when there is no such process
  }
  const [state = '', ...started] = line.split(/\s+/);
  const startedMs = Date.parse(started.join(' '));
  return state.startsWith('Z') || Number.isNaN(startedMs) ? null : `${startedMs / 1000}`;
}

function readOr(path: string, fallback: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return fallback; // processes and groups vanish while one looks at them
  }
}
