/** What the gate asks git: which states there are, and what they are called. */
import { execFile } from 'node:child_process';
import { isAbsolute, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { EnvironmentError, UsageError } from '../../model.ts';

const execute = promisify(execFile);

/**
 * Output of `git ARGS` without the last line's end.
 * @throws EnvironmentError with git's own words
 */
export async function git(folder: string, args: readonly string[], signal?: AbortSignal): Promise<string> {
  try {
    // Variables such as GIT_DIR, which a hook or `git rebase --exec` sets, would lead it elsewhere.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^GIT_/.test(name)));
    const { stdout } = await execute('git', [...args], {
      ...{ cwd: folder, env: { ...env, LC_ALL: 'C' }, maxBuffer: 64 * 1024 * 1024 },
      ...(signal === undefined ? {} : { signal }),
    });
    return stdout.trimEnd();
  } catch (cause) {
    signal?.throwIfAborted();
    const { stderr, code } = cause as { stderr?: string; code?: unknown };
    if (code === 'ENOENT') throw new EnvironmentError('git is not installed, or not on the PATH', { cause });
    throw new EnvironmentError(`git ${args[0]} failed in ${folder}: ${stderr?.trim() || String(cause)}`, {
      cause,
    });
  }
}

/** @throws UsageError when `folder` is in no repository */
export async function repositoryOf(folder: string): Promise<string> {
  try {
    return await git(folder, ['rev-parse', '--show-toplevel']);
  } catch (cause) {
    throw new UsageError(`${folder} is not in a git repository: a gate compares two states of one`, {
      cause,
    });
  }
}

/** @throws UsageError naming the ref */
export async function commitOf(repository: string, ref: string): Promise<string> {
  try {
    return await git(repository, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`]);
  } catch (cause) {
    const shallow = (await git(repository, ['rev-parse', '--is-shallow-repository'])) === 'true';
    const hint = shallow
      ? '; this clone is shallow: fetch the whole history (in actions/checkout: fetch-depth: 0)'
      : '';
    throw new UsageError(`there is no commit "${ref}" in ${repository}${hint}`, { cause });
  }
}

/** Whether the files differ from HEAD, new ones that are not ignored included; what we write ourselves does not count. */
export async function isDirty(repository: string, reports: string): Promise<boolean> {
  const own = relative(repository, resolve(reports));
  const except = own === '' || own.startsWith('..') || isAbsolute(own) ? [] : [`:(exclude,literal)${own}`];
  return (
    (await git(repository, ['status', '--porcelain', '--untracked-files=all', '--', '.', ...except])) !== ''
  );
}

/**
 * Where HEAD left the main branch: of a pull request its base, else what is called main.
 * @throws UsageError when there is none
 */
export async function mergeBaseWithMain(repository: string, baseRef: string | undefined): Promise<string> {
  const branches = [
    ...(baseRef ? [`origin/${baseRef}`] : []),
    'origin/HEAD',
    'origin/main',
    'main',
    'origin/master',
    'master',
  ];
  for (const branch of branches) {
    const base = await git(repository, ['merge-base', 'HEAD', branch]).catch(() => null);
    if (base !== null) return base;
  }
  throw new UsageError(
    `${repository} has no main branch that HEAD comes from: name what to compare with, for example --against HEAD~1` +
      ' (a shallow clone knows no history: in actions/checkout, fetch-depth: 0)',
  );
}
