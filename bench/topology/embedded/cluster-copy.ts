/** Copies of a cleanly shut down cluster, and how much room they need. */
import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { EnvironmentError } from '../../model.ts';
import type { Account } from './account.ts';

const run = promisify(execFile);
/** WAL and growth of one node during an arm. */
const headroomBytes = 256 * 2 ** 20;

/** Plain copies, so that no node shares blocks with another: writing to shared ones would cost extra. */
export async function copyCluster(
  from: string,
  to: string,
  account: Account | null,
  signal: AbortSignal,
): Promise<void> {
  const options = process.platform === 'linux' ? ['--reflink=never'] : [];
  try {
    await run('cp', [...options, '-Rp', from, to], { cwd: dirname(from), signal, ...(account ?? {}) });
  } catch (cause) {
    signal.throwIfAborted();
    throw new EnvironmentError(`cannot copy the template ${from} to ${to}: ${wordsOf(cause)}`, { cause });
  }
}

/**
 * Resolves when the copies are on the disk. Left to the kernel this happens half a minute later, in
 * the middle of a measurement, with commits that wait 200 ms for it (seen on ext4).
 */
export async function writeOut(dir: string): Promise<void> {
  try {
    await run('sync', process.platform === 'linux' ? ['-f', dir] : [], { cwd: dir });
  } catch (cause) {
    throw new EnvironmentError(`cannot write the data in ${dir} to the disk: ${wordsOf(cause)}`, { cause });
  }
}

export async function sizeOf(dir: string): Promise<number> {
  const { stdout } = await run('du', ['-sk', dir]);
  return Number.parseInt(stdout, 10) * 1024;
}

/** Throws EnvironmentError with the folder, what is needed and what is free. */
export async function requireSpace(dir: string, nodes: number, bytesPerNode: number): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  const needed = nodes * (bytesPerNode + headroomBytes);
  if (free < needed) {
    throw new EnvironmentError(
      `not enough disk space in ${dir}: ${nodes} nodes need ${megabytes(needed)}, ${megabytes(free)} are free. ` +
        'Free some, or set TMPDIR to a folder on a larger disk',
    );
  }
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MB`;
}

function wordsOf(error: unknown): string {
  const stderr = (error as { stderr?: string }).stderr?.trim();
  return stderr || (error instanceof Error ? error.message : String(error));
}
