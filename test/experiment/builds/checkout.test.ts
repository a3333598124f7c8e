import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkOut, installation } from '../../../bench/experiment/builds/checkout.ts';
import { commitOf, isDirty, mergeBaseWithMain, repositoryOf } from '../../../bench/experiment/builds/git.ts';

let repository: string;
let first: string;
const signal = new AbortController().signal;

function git(...args: string[]): string {
  const who = ['-c', 'user.name=test', '-c', 'user.email=test@localhost', '-c', 'commit.gpgsign=false'];
  return execFileSync('git', [...who, ...args], { cwd: repository, encoding: 'utf8' }).trim();
}

beforeAll(async () => {
  repository = await mkdtemp(join(tmpdir(), 'a repository '));
  git('init', '-q', '-b', 'main');
  await mkdir(join(repository, 'service'));
  await writeFile(join(repository, 'service/version.txt'), 'one');
  git('add', '-A');
  git('commit', '-qm', 'one');
  first = git('rev-parse', 'HEAD');
  git('checkout', '-qb', 'topic');
  await writeFile(join(repository, 'service/version.txt'), 'two');
  git('commit', '-qam', 'two');
});
afterAll(() => rm(repository, { recursive: true, force: true }));

describe('what git is asked', () => {
  test('a folder inside the repository leads to its root', async () => {
    expect(await repositoryOf(join(repository, 'service'))).toBe(repository);
    await expect(repositoryOf(tmpdir())).rejects.toThrow('is not in a git repository');
  });

  test('the reference is where the branch left main', async () => {
    expect(await mergeBaseWithMain(repository, undefined)).toBe(first);
    expect(await commitOf(repository, 'HEAD~1')).toBe(first);
  });

  test('an unknown ref, or one that looks like a flag, is named', async () => {
    await expect(commitOf(repository, 'nowhere')).rejects.toThrow('there is no commit "nowhere"');
    await expect(commitOf(repository, '--help')).rejects.toThrow('there is no commit "--help"');
  });

  test('a new file makes it dirty', async () => {
    expect(await isDirty(repository, 'elsewhere')).toBe(false);
    await writeFile(join(repository, 'new'), '');
    expect(await isDirty(repository, 'elsewhere')).toBe(true);
    await rm(join(repository, 'new'));
  });

  test('but not a report of ours', async () => {
    await mkdir(join(repository, 'runs'));
    await writeFile(join(repository, 'runs/report.md'), '');
    expect(await isDirty(repository, join(repository, 'runs'))).toBe(false);
    expect(await isDirty(repository, tmpdir())).toBe(true);
    await rm(join(repository, 'runs'), { recursive: true });
  });
});

describe('a checkout', () => {
  const checkOutFirst = (install?: string) =>
    checkOut({
      ...{ repository, commit: first, application: join(repository, 'service') },
      ...{ install, onStep: () => undefined, signal },
    });

  test('has the other state, is installed in the place of the application, and leaves nothing', async () => {
    const before = git('worktree', 'list');
    const checkout = await checkOutFirst('pwd > installed');
    const { folder } = checkout;
    try {
      expect(await readFile(join(folder, 'service/version.txt'), 'utf8')).toBe('one');
      expect((await readFile(join(folder, 'service/installed'), 'utf8')).trim()).toBe(
        join(folder, 'service'),
      );
      expect(await readFile(join(repository, 'service/version.txt'), 'utf8')).toBe('two');
    } finally {
      await checkout[Symbol.asyncDispose]();
    }
    expect(existsSync(folder)).toBe(false);
    expect(git('worktree', 'list')).toBe(before);
    expect(git('status', '--porcelain')).toBe('');
  });

  test('that cannot be installed says why, and leaves nothing', async () => {
    await expect(checkOutFirst('pwd >&2; echo no such package >&2; exit 7')).rejects.toThrow(
      /installing [0-9a-f]{12} failed: .* ended with exit code 7\n[\s\S]*no such package/,
    );
    const error = await checkOutFirst('pwd >&2; exit 7').catch((one: Error) => one);
    const folder = /\n(\/.*)\/service$/.exec((error as Error).message)?.[1];
    expect(folder).toMatch(/\.checkout$/);
    expect(existsSync(folder ?? '/')).toBe(false);
  });
});

describe('what is installed', () => {
  test('is what the nearest lock file asks for', async () => {
    const root = join(repository, 'service');
    const inner = join(root, 'inner');
    await mkdir(inner, { recursive: true });
    expect(installation(root, inner, undefined)).toBeNull();
    await writeFile(join(root, 'pnpm-lock.yaml'), '');
    expect(installation(root, inner, undefined)).toEqual({
      command: 'pnpm install --frozen-lockfile',
      cwd: root,
    });
    await writeFile(join(inner, 'package-lock.json'), '{}');
    expect(installation(root, inner, undefined)).toEqual({
      command: 'npm ci --prefer-offline --no-audit --no-fund',
      cwd: inner,
    });
    expect(installation(root, inner, '')).toBeNull();
    expect(installation(root, inner, 'make deps')).toEqual({ command: 'make deps', cwd: inner });
    await rm(inner, { recursive: true });
    await rm(join(root, 'pnpm-lock.yaml'));
  });
});
