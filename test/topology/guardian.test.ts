import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startGuardian } from '../../bench/topology/guardian.ts';
import { removeLeftovers } from '../../bench/topology/leftovers.ts';
import { identify, isAlive } from '../../bench/topology/process-table.ts';
import { isAbandoned, nameRun, parseRunName } from '../../bench/topology/run-name.ts';
import { sweepAbandonedRuns } from '../../bench/topology/sweep.ts';

const newRunId = () => randomBytes(4).toString('hex');

describe('the end of a run', () => {
  test('removes registered folders and ends by itself', async () => {
    const folder = await scratch();
    const guardian = await startGuardian({ runId: newRunId() });
    await guardian.registerDirectory(join(folder, 'data'));
    await mkdir(join(folder, 'data', 'deep'), { recursive: true });
    await guardian[Symbol.asyncDispose]();
    expect(existsSync(join(folder, 'data'))).toBe(false);
    expect(isAlive({ pid: guardian.pid, startTime: identify(guardian.pid)?.startTime ?? 'gone' })).toBe(
      false,
    );
    await guardian[Symbol.asyncDispose]();
  });

  test.runIf(process.platform === 'linux')('finds processes that were never registered', async () => {
    const folder = await scratch();
    const guardian = await startGuardian({ runId: newRunId() });
    await guardian.registerDirectory(folder);
    // The one was started inside, the other says whose it is; both ignore a polite request.
    const stubborn = 'trap "" TERM INT HUP; while :; do sleep 1; done';
    const inside = spawn('/bin/sh', ['-c', stubborn], { cwd: folder, stdio: 'ignore', detached: true });
    const marked = spawn('/bin/sh', ['-c', stubborn], {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin', ...guardian.environment },
      stdio: 'ignore',
      detached: true,
    });
    const ends = [once(inside, 'exit'), once(marked, 'exit')];
    await Promise.all([once(inside, 'spawn'), once(marked, 'spawn')]);
    await guardian[Symbol.asyncDispose]();
    expect(await Promise.all(ends)).toEqual([
      [null, 'SIGKILL'],
      [null, 'SIGKILL'],
    ]);
  });

  test('says what could not be removed', async () => {
    const runId = newRunId();
    const left = await removeLeftovers(
      { runId, directories: ['/proc/self'], cgroups: [], processes: [], sharedMemory: [] },
      process.platform === 'linux' ? 100 : 0,
    );
    expect(left).toEqual(process.platform === 'linux' ? ['folder /proc/self is still there'] : []);
  });
});

test('a process that got the pid of a registered one is left alone', async () => {
  const stranger = spawn('/bin/sleep', ['600'], { stdio: 'ignore' });
  onTestFinished(() => void stranger.kill('SIGKILL'));
  await once(stranger, 'spawn');
  const pid = stranger.pid ?? -1;
  const before = { pid, startTime: '1' };
  expect(
    await removeLeftovers(
      { runId: newRunId(), directories: [], cgroups: [], processes: [before], sharedMemory: [] },
      1000,
    ),
  ).toEqual([]);
  expect(identify(pid)).not.toBeNull();
});

test('a guardian that is gone is noticed when something is to be registered', async () => {
  const guardian = await startGuardian({ runId: newRunId() });
  process.kill(guardian.pid, 'SIGKILL');
  await expect(async () => {
    for (;;) await guardian.registerDirectory('/nowhere');
  }).rejects.toThrow('guardian process is gone');
  await expect(guardian[Symbol.asyncDispose]()).rejects.toThrow('SIGKILL');
});

describe('earlier runs', () => {
  const mine = nameRun('earlier');
  const nameOf = (pid: number, startTime: string, namespace = mine.pidNamespace) =>
    `replibench-earlier-run-${pid}-${startTime}-${namespace}`;

  test('a name tells whose it is', () => {
    expect(parseRunName(`${nameOf(12, '34')}.cluster1-primary`)).toEqual({
      name: nameOf(12, '34'),
      runId: 'earlier-run',
      owner: { pid: 12, startTime: '34' },
      pidNamespace: mine.pidNamespace,
    });
    expect(parseRunName('replibench-notes')).toBeNull();
    expect(() => nameRun('../etc')).toThrow('run id "../etc"');
  });

  test('a run is abandoned when its owner is gone, unless the owner lives where we cannot look', () => {
    const abandoned = (name: string) => {
      const run = parseRunName(name);
      return run !== null && isAbandoned(run);
    };
    expect(abandoned(mine.name)).toBe(false);
    expect(abandoned(nameOf(mine.owner.pid, '1'))).toBe(true);
    expect(abandoned(nameOf(mine.owner.pid, '1', '999'))).toBe(false);
  });

  test('leftovers of abandoned runs are removed, everything else stays', async () => {
    const folder = await scratch();
    const names = [
      nameOf(mine.owner.pid, '1'),
      `${nameOf(mine.owner.pid, '1')}.app-3000`,
      mine.name,
      'somebody-else',
    ];
    for (const name of names) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'file'), '');
    }
    expect(await sweepAbandonedRuns([folder], [])).toEqual([]);
    expect(names.filter((name) => existsSync(join(folder, name)))).toEqual([mine.name, 'somebody-else']);
  });
});

async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'guardian-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
