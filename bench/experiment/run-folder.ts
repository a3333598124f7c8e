import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { EnvironmentError, type RunPlan, UsageError } from '../model.ts';

/** Eight hex digits: unique on a machine, short enough for a cgroup or folder name. */
export function newRunId(): string {
  return randomBytes(4).toString('hex');
}

/**
 * Makes `<root>/<UTC time>-<scenario>-<id>/` and writes plan.json into it, before anything runs.
 * @throws EnvironmentError when the folder cannot be made
 */
export async function createRunFolder(root: string, plan: RunPlan): Promise<string> {
  const time = plan.startedAt.replaceAll(/[-:]/g, '').replace(/\.\d+/, '');
  const folder = join(root, `${time}-${plan.scenario.name}-${plan.runId}`);
  try {
    await makeFolder(folder);
    await writeFile(join(folder, 'plan.json'), `${JSON.stringify(plan, null, 2)}\n`);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EnvironmentError(
      `the run folder ${folder} cannot be written: ${reason}; choose another with --out`,
      {
        cause,
      },
    );
  }
  return folder;
}

/**
 * Makes sure that runs can be written below `root`, before minutes are spent on one.
 * @throws UsageError naming the flag and the folder
 */
export async function checkReportsRoot(root: string): Promise<void> {
  if (root === '') throw new UsageError('--out must name a folder (got nothing)');
  const probe = join(root, `.replibench-${newRunId()}`);
  try {
    await makeFolder(root);
    await writeFile(probe, '');
    await rm(probe);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`--out ${root} cannot be written: ${reason}`, { cause });
  }
}

/** Step by step: mkdir's own `recursive` never ends where the system answers ENOENT to a new name, as below /proc. */
async function makeFolder(path: string): Promise<void> {
  const missing: string[] = [];
  let folder = resolve(path);
  while (!existsSync(folder)) {
    missing.unshift(folder);
    folder = dirname(folder);
  }
  for (const next of missing) await mkdir(next);
}

/** Run folders below `root`, newest first; empty when there is no such folder. */
export async function listRunFolders(root: string): Promise<readonly string[]> {
  const names = await readdir(root).catch(() => []);
  return names
    .filter((name) => /^\d{8}T\d{6}Z-/.test(name))
    .sort()
    .reverse()
    .map((name) => join(root, name));
}
