import { randomBytes } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EnvironmentError, type RunPlan } from '../model.ts';

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
    await mkdir(folder, { recursive: true });
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

/** Run folders below `root`, newest first; empty when there is no such folder. */
export async function listRunFolders(root: string): Promise<readonly string[]> {
  const names = await readdir(root).catch(() => []);
  return names
    .filter((name) => /^\d{8}T\d{6}Z-/.test(name))
    .sort()
    .reverse()
    .map((name) => join(root, name));
}
