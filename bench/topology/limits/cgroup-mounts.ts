/** Where a process stands in the cgroup hierarchies, as folders one can open. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface CgroupPlace {
  /** Folder where the hierarchy is mounted. */
  readonly mountPoint: string;
  /** Folder of the process' own group; `mountPoint` or below it. */
  readonly own: string;
}

/**
 * `controller` is `cpu` or `cpuacct` for v1, null for the unified hierarchy of v2.
 * Null when there is no such hierarchy. `root` replaces `/` in tests; `pid` is another process than this.
 */
export function findCgroup(
  root: string,
  controller: string | null,
  pid: number | 'self' = 'self',
): CgroupPlace | null {
  const mount = readLines(`${root}/proc/self/mountinfo`)
    .map(parseMount)
    .find((entry) =>
      controller === null
        ? entry.type === 'cgroup2'
        : entry.type === 'cgroup' && entry.superOptions.includes(controller),
    );
  if (mount === undefined) return null;
  const membership = readLines(`${root}/proc/${pid}/cgroup`)
    .map((line) => /^\d+:([^:]*):(.*)$/.exec(line))
    .find((match) => (controller === null ? match?.[1] === '' : match?.[1]?.split(',').includes(controller)));
  const path = membership?.[2] ?? '/';
  // In a container the mount shows a part of the hierarchy only, while the path counts from its top.
  const below = mount.root !== '/' && path.startsWith(mount.root) ? path.slice(mount.root.length) : path;
  const mountPoint = join(root, mount.mountPoint);
  return { mountPoint, own: below === '/' || below.startsWith('/..') ? mountPoint : join(mountPoint, below) };
}

/** The group itself and those above it, as far as they can be seen. */
export function ancestors(place: CgroupPlace | null): string[] {
  if (place === null) return [];
  const dirs = [place.own];
  for (let dir = place.own; dir !== place.mountPoint && dir !== dirname(dir); ) {
    dir = dirname(dir);
    dirs.push(dir);
  }
  return dirs;
}

function parseMount(line: string) {
  // ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAGS...] - TYPE SOURCE SUPEROPTIONS
  const [before = '', after = ''] = line.split(' - ');
  const fields = before.split(' ');
  const [type = '', , superOptions = ''] = after.split(' ');
  return {
    root: unescapeOctal(fields[3] ?? '/'),
    mountPoint: unescapeOctal(fields[4] ?? '/'),
    type,
    superOptions: superOptions.split(','),
  };
}

/** Spaces and backslashes are written as octal numbers there. */
function unescapeOctal(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean);
  } catch {
    return []; // not Linux
  }
}
