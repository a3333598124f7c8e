/**
 * Shared memory of PostgreSQL: a System V segment and a few files in /dev/shm per server. A server that
 * is killed cannot give them back, and nothing else on the machine would until it is started anew.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';

/** PG_DSM_CONTROL_MAGIC of PostgreSQL's src/backend/storage/ipc/dsm.c. */
const controlMagic = 0x9a503d32;

export interface SharedMemory {
  readonly files: readonly string[];
  /** An id may be reused one day; together with the creator's pid it names one segment. */
  readonly segments: readonly { readonly id: number; readonly creator: number }[];
}

/** What the process maps at this moment; nothing where there is no /proc. */
export function sharedMemoryOf(pid: number): SharedMemory {
  const maps = readOr(`/proc/${pid}/maps`);
  const files = [...maps.matchAll(/ (\/dev\/shm\/PostgreSQL\.\d+)$/gm)].flatMap(([, file]) => file ?? []);
  // The inode column of such a mapping is the segment's id.
  const ids = new Set([...maps.matchAll(/ (\d+) +\/SYSV\S+ \(deleted\)$/gm)].map(([, id]) => Number(id)));
  return { files: [...new Set(files)], segments: existingSegments().filter(({ id }) => ids.has(id)) };
}

/** Safe to call twice, and for servers that gave it back themselves. Throws what `ipcrm` says. */
export function removeSharedMemory({ files, segments }: SharedMemory): void {
  for (const file of files.flatMap((name) => [...listedIn(name), name])) rmSync(file, { force: true });
  const existing = segments.length === 0 ? [] : existingSegments();
  for (const { id, creator } of segments) {
    if (!existing.some((segment) => segment.id === id && segment.creator === creator)) continue;
    // Marked for removal now, freed by the kernel with the last process attached to it.
    execFileSync('ipcrm', ['-m', `${id}`], { stdio: ['ignore', 'ignore', 'pipe'] });
  }
}

/**
 * The files that a server has made later, if `file` is its control segment: that lists their handles,
 * which are random 32-bit numbers and part of their names. Where exactly differs between versions.
 */
function listedIn(file: string): string[] {
  let content: Buffer;
  try {
    content = readFileSync(file);
  } catch {
    return []; // given back in order
  }
  if (content.length < 4 || content.readUInt32LE(0) !== controlMagic) return [];
  const listed = new Set<number>();
  for (let offset = 4; offset + 4 <= content.length; offset += 4) listed.add(content.readUInt32LE(offset));
  return readdirSync('/dev/shm')
    .filter((name) => listed.has(Number(/^PostgreSQL\.(\d+)$/.exec(name)?.[1])))
    .map((name) => `/dev/shm/${name}`);
}

function existingSegments(): { id: number; creator: number }[] {
  const [header = '', ...lines] = readOr('/proc/sysvipc/shm').trim().split('\n');
  const columns = header.trim().split(/\s+/);
  return lines.map((line) => {
    const fields = line.trim().split(/\s+/).map(Number);
    const column = (name: string) => fields[columns.indexOf(name)] ?? -1;
    return { id: column('shmid'), creator: column('cpid') };
  });
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // the process is gone, or this is not Linux
  }
}
