/** Files and folders that belong to the account PostgreSQL runs as. */
import { execFile } from 'node:child_process';
import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { EnvironmentError } from '../../model.ts';
import { endProcesses } from '../leftovers.ts';
import type { Account } from './account.ts';

const run = promisify(execFile);

/** The file must not exist yet; nobody but the account may read it. */
export async function writeOwned(path: string, text: string, account: Account | null): Promise<void> {
  await writeFile(path, text, { mode: 0o600, flag: 'wx' });
  if (account) await chown(path, account.uid, account.gid);
}

/** Throws EnvironmentError when the account cannot reach the new folder. */
export async function makeOwnedDirectory(path: string, account: Account | null): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
    if (account === null) return;
    await chown(path, account.uid, account.gid);
  } catch (cause) {
    throw new EnvironmentError(`cannot make the folder ${path}: set TMPDIR to a folder that can be written`, {
      cause,
    });
  }
  try {
    // Whether every folder above may be entered, only an attempt can tell.
    await run('/bin/sh', ['-c', 'cd -- "$0"', path], { cwd: '/', ...account });
  } catch (cause) {
    throw new EnvironmentError(
      `PostgreSQL runs as uid ${account.uid}, which cannot enter ${path}: set TMPDIR to a folder open to everybody`,
      { cause },
    );
  }
}

/** With whatever still works in it: an aborted initdb or cp would fill it again while it is being removed. */
export async function removeDirectory(path: string): Promise<void> {
  endProcesses({ runId: null, directories: [path], cgroups: [], processes: [] });
  await rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 25 });
}
