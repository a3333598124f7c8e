import { execFile } from 'node:child_process';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { promisify } from 'node:util';
import type { Fingerprint } from '../model.ts';
import { measureFsyncMs } from './fsync-time.ts';

export { postgresSettings } from './postgres-settings.ts';

export type MachineFacts = Omit<Fingerprint, 'postgres' | 'postgresSettings' | 'harnessVersion'>;

/**
 * The machine, its runtime and the commit of the working folder: what decides whether two runs may be
 * compared. `dataDir` is where the nodes keep their data, for the time of an fsync there; null where that
 * is out of reach.
 */
export async function machineFacts(
  dataDir: string | null,
  workingFolder = process.cwd(),
): Promise<MachineFacts> {
  const [commit, changes, fsyncMs] = await Promise.all([
    git(workingFolder, 'rev-parse', 'HEAD'),
    git(workingFolder, 'status', '--porcelain'),
    dataDir === null ? null : measureFsyncMs(dataDir),
  ]);
  return {
    cpuModel: cpus()[0]?.model.trim() || 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    kernel: `${type()} ${release()}`,
    platform: `${process.platform}-${process.arch}`,
    node: process.version,
    gitCommit: commit,
    gitDirty: changes === null ? null : changes !== '',
    fsyncMs,
  };
}

/** Null where there is no git or no repository: a fingerprint without a commit is still one. */
async function git(folder: string, ...parameters: readonly string[]): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('git', ['-C', folder, ...parameters], { timeout: 5_000 });
    return stdout.trim();
  } catch {
    return null;
  }
}
