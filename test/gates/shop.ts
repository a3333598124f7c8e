/** Somebody else's application in a repository of its own, with a gate that is as short as one can be. */
import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import type { RunResult } from '../../bench/model.ts';

const root = resolve(import.meta.dirname, '../..');

export interface Shop extends AsyncDisposable {
  readonly repository: string;
  /** Not there before the first run. */
  readonly reports: string;
  git(...args: string[]): string;
  /** A change of the working tree that nobody has committed. */
  change(from: string, to: string): Promise<void>;
}

export async function openShop(): Promise<Shop> {
  const repository = await mkdtemp(join(tmpdir(), 'gated shop '));
  const git = (...args: string[]): string => {
    const who = ['-c', 'user.name=test', '-c', 'user.email=test@localhost', '-c', 'commit.gpgsign=false'];
    return execFileSync('git', [...who, ...args], { cwd: repository, encoding: 'utf8' }).trim();
  };
  await cp(join(root, 'test/fixtures/bookshop'), repository, { recursive: true });
  await symlink(join(root, 'node_modules'), join(repository, 'node_modules'));
  await writeFile(join(repository, '.gitignore'), 'node_modules\nreports\n');
  // One metric and one look: the exact test of six blocks can just reject at 5 %.
  const left = Object.fromEntries(['read.qps', 'read.p95Ms', 'write.p95Ms'].map((name) => [name, false]));
  const rules = { metrics: left, looks: [6], guards: [{ metric: 'errors.ratio', max: 0.01 }] };
  await writeFile(join(repository, 'replibench.gate.json'), JSON.stringify(rules));
  git('init', '-q', '-b', 'main');
  git('add', '-A');
  git('commit', '-qm', 'a shop');
  return {
    repository,
    reports: join(repository, 'reports'),
    git,
    async change(from, to) {
      const path = join(repository, 'server.js');
      const text = await readFile(path, 'utf8');
      expect(text).toContain(from);
      await writeFile(path, text.replace(from, to));
    },
    [Symbol.asyncDispose]: () => rm(repository, { recursive: true, force: true }),
  };
}

export function flags(reports: string, ...more: string[]): string[] {
  const install = `ln -s '${join(root, 'node_modules')}' node_modules`;
  return [
    ...['gate', '--out', reports, '--replicas', '0', '--slice-seconds', '1', '--install', install],
    ...more,
  ];
}

export async function readResult(run: string): Promise<RunResult> {
  return JSON.parse(await readFile(join(run, 'result.json'), 'utf8'));
}

/** Folders of references, which a gate names in no output: found by their mark. */
export function checkouts(): string {
  return execFileSync('sh', ['-c', `ls -d ${tmpdir()}/replibench-*.checkout 2>/dev/null || true`], {
    encoding: 'utf8',
  });
}
