/** Another state of a repository, checked out and installed in a folder of its own. */
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { monotonicMs } from '../../monotonic-clock.ts';
import { Cleanup } from '../../topology/cleanup.ts';
import { removeDirectory } from '../../topology/embedded/owned-files.ts';
import { startGuardian } from '../../topology/guardian.ts';
import type { Step } from '../ports.ts';
import { runCommand } from '../run-command.ts';
import { newRunId } from '../run-folder.ts';
import { git } from './git.ts';

export interface Checkout extends AsyncDisposable {
  readonly folder: string;
}

export interface CheckoutRequest {
  readonly repository: string;
  /** Full hash. */
  readonly commit: string;
  /** Folder of the application inside the repository: where to look for what has to be installed. */
  readonly application: string;
  /** Instead of what the lock file suggests; empty = nothing. */
  readonly install?: string | undefined;
  readonly onStep: (step: Step) => void;
  readonly signal: AbortSignal;
}

/**
 * A clone that borrows the objects of the repository rather than one of its worktrees: a worktree is
 * registered in the repository itself, and would stay there when this process is killed.
 * @throws EnvironmentError with git's or the installer's own words, or the signal's reason
 */
export async function checkOut(request: CheckoutRequest): Promise<Checkout> {
  const { repository, commit, signal } = request;
  const cleanup = new Cleanup();
  const timed = async (name: string, work: () => Promise<unknown>): Promise<void> => {
    const begun = monotonicMs();
    await work();
    request.onStep({ name, durationMs: monotonicMs() - begun });
  };
  try {
    const guardian = cleanup.use(await startGuardian({ runId: newRunId() }));
    const folder = join(await realpath(tmpdir()), `${guardian.runName}.checkout`);
    await guardian.registerDirectory(folder);
    cleanup.add(() => removeDirectory(folder));
    await timed('check out', async () => {
      await git(
        repository,
        ['clone', '--quiet', '--shared', '--no-checkout', '--', repository, folder],
        signal,
      );
      await git(folder, ['checkout', '--quiet', '--detach', commit], signal);
    });
    const install = installation(
      folder,
      join(folder, relative(repository, request.application)),
      request.install,
    );
    if (install !== null) {
      const env = { ...process.env, ...guardian.environment };
      await timed('install', () =>
        runCommand({ ...install, env, signal, what: `installing ${commit.slice(0, 12)}` }),
      );
    }
    return { folder, [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose]() };
  } catch (error) {
    throw await cleanup.after(error);
  }
}

/** What each package manager's lock file asks for: exactly that, and no change to it. */
const installers = [
  ['package-lock.json', 'npm ci --prefer-offline --no-audit --no-fund'],
  ['npm-shrinkwrap.json', 'npm ci --prefer-offline --no-audit --no-fund'],
  ['pnpm-lock.yaml', 'pnpm install --frozen-lockfile'],
  ['yarn.lock', 'yarn install --frozen-lockfile'],
] as const;

/** The nearest lock file from the application upwards; null = nothing to install. */
export function installation(
  root: string,
  application: string,
  command: string | undefined,
): { readonly command: string; readonly cwd: string } | null {
  if (command === '') return null;
  if (command !== undefined) return { command, cwd: application };
  for (let folder = application; ; folder = dirname(folder)) {
    const found = installers.find(([file]) => existsSync(join(folder, file)));
    if (found !== undefined) return { command: found[1], cwd: folder };
    if (folder === root || dirname(folder) === folder) return null;
  }
}
