import { closeSync, openSync, readdirSync, readSync } from 'node:fs';

/** USER_HZ of every Linux that Node runs on: the unit of /proc/<pid>/stat. */
const millisecondsPerTick = 10;

/** CPU time of a process and its descendants. */
export interface ProcessTree {
  /** Milliseconds since the root started; never falls. Undefined when the root was never seen. */
  cpuMs(): number | undefined;
}

interface Member {
  readonly parent: number;
  /** Start time in ticks after boot: tells a process from a later one with the same id. */
  readonly startedAt: number;
  /** user + system time of itself and of the children it has waited for, ticks. */
  readonly total: number;
  /** The part of `total` that came from children it has waited for, ticks. */
  readonly reaped: number;
}

/**
 * Sums user and system time over a process tree from /proc. A child that exits moves into its parent's
 * cutime/cstime when the parent waits for it. Where that does not happen (the parent died first, or
 * ignores SIGCHLD) the last time seen of the child is kept, so the sum never falls. A process that was
 * orphaned stays a member.
 *
 * New children are looked for at every `descendEvery`th call. A child found late brings all its time
 * with it, and one that ended before is in its parent's, so a lazy search loses nothing in the end.
 */
export function createProcessTree(
  rootPid: number,
  options: { readonly descendEvery?: number } = {},
): ProcessTree {
  const { descendEvery = 1 } = options;
  let calls = 0;
  let members: ReadonlyMap<number, Member> = new Map();
  let lost = 0;
  let last: number | undefined;
  return {
    cpuMs() {
      const live = findMembers(rootPid, members, calls % descendEvery === 0);
      calls += 1;
      lost += notPassedOn(members, live);
      members = live;
      if (live.size === 0) return last;
      let ticks = lost;
      for (const member of live.values()) ticks += member.total;
      last = Math.max(last ?? 0, ticks * millisecondsPerTick);
      return last;
    },
  };
}

function findMembers(
  rootPid: number,
  known: ReadonlyMap<number, Member>,
  descend: boolean,
): ReadonlyMap<number, Member> {
  const live = new Map<number, Member>();
  const queue = known.size === 0 ? [rootPid] : [...known.keys()];
  let parents: ReadonlyMap<number, readonly number[]> | undefined;
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    if (live.has(pid)) continue;
    const stat = readStat(pid);
    const before = known.get(pid);
    if (stat === undefined || (before !== undefined && before.startedAt !== stat.startedAt)) continue;
    live.set(pid, stat);
    if (!descend) continue;
    const children = childrenOf(pid, stat.threads);
    if (children !== undefined) queue.push(...children);
    else {
      // A kernel without CONFIG_PROC_CHILDREN: one pass over all processes.
      parents ??= allProcessesByParent();
      queue.push(...(parents.get(pid) ?? []));
    }
  }
  return live;
}

/** Ticks of members that ended without their time turning up in an ancestor's cutime/cstime. */
function notPassedOn(before: ReadonlyMap<number, Member>, live: ReadonlyMap<number, Member>): number {
  const owed = new Map<number, number>();
  let lost = 0;
  for (const [pid, member] of before) {
    if (live.has(pid)) continue;
    let heir = member.parent;
    while (!live.has(heir) && before.has(heir)) heir = before.get(heir)?.parent ?? 0;
    if (live.has(heir)) owed.set(heir, (owed.get(heir) ?? 0) + member.total);
    else lost += member.total;
  }
  for (const [heir, ticks] of owed) {
    const received = (live.get(heir)?.reaped ?? 0) - (before.get(heir)?.reaped ?? 0);
    lost += Math.max(0, ticks - received);
  }
  return lost;
}

function readStat(pid: number): (Member & { readonly threads: number }) | undefined {
  const text = readOrUndefined(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The command name may hold spaces and parentheses; the fields begin behind the last one.
  const field = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const number = (index: number): number => Number(field[index]);
  const reaped = number(13) + number(14);
  return {
    parent: number(1),
    threads: number(17),
    startedAt: number(19),
    total: number(11) + number(12) + reaped,
    reaped,
  };
}

function childrenOf(pid: number, threads: number): readonly number[] | undefined {
  // Children are listed under the thread that made them.
  const tasks = threads === 1 ? [String(pid)] : listOrEmpty(`/proc/${pid}/task`);
  const result: number[] = [];
  for (const task of tasks) {
    const text = readOrUndefined(`/proc/${pid}/task/${task}/children`);
    if (text === undefined && !hasChildrenFile()) return undefined;
    for (const child of text?.split(' ') ?? []) if (child !== '') result.push(Number(child));
  }
  return result;
}

function hasChildrenFile(): boolean {
  return readOrUndefined(`/proc/self/task/${process.pid}/children`) !== undefined;
}

function allProcessesByParent(): ReadonlyMap<number, readonly number[]> {
  const result = new Map<number, number[]>();
  for (const entry of listOrEmpty('/proc')) {
    const pid = Number(entry);
    const parent = Number.isInteger(pid) ? readStat(pid)?.parent : undefined;
    if (parent === undefined) continue;
    const siblings = result.get(parent);
    if (siblings === undefined) result.set(parent, [pid]);
    else siblings.push(pid);
  }
  return result;
}

/** One buffer for all: these files are read some hundred times a second. */
const buffer = Buffer.allocUnsafe(64 * 1_024);

/** A process may end between being listed and being read: that is not an error here. */
function readOrUndefined(file: string): string | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    return buffer.toString('latin1', 0, readSync(descriptor, buffer));
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function listOrEmpty(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
