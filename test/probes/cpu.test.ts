import { accessSync, constants, existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CpuSource } from '../../bench/model.ts';
import { createCpuProbe } from '../../bench/probes/cpu.ts';
import { until } from './cluster.ts';
import { parentOf, startShell } from './shell.ts';

describe('cgroup version 2', () => {
  test('reads usage and, with a quota, throttling', async () => {
    await using group = await fakeGroup();
    await group.set({ usage_usec: 1_234_567, nr_periods: 100, nr_throttled: 7, throttled_usec: 89_500 });
    await using probe = createCpuProbe([{ subject: 'primary', source: group.source }]);
    expect(await valuesOf(probe)).toEqual({ primary: { cpuMs: 1_234.567 } });
    await group.limit('4000 10000');
    expect(await valuesOf(probe)).toEqual({
      primary: { cpuMs: 1_234.567, throttledMs: 89.5, throttledPeriods: 7, periods: 100, quotaCores: 0.4 },
    });
  });

  test('a group that is gone is absent and told; the others have their readings', async () => {
    await using group = await fakeGroup();
    await group.set({ usage_usec: 5_000 });
    const gone: CpuSource = { ...group.source, usageDir: '/nowhere', throttleDir: '/nowhere' };
    await using probe = createCpuProbe([
      { subject: 'replica1', source: gone },
      { subject: 'primary', source: group.source },
      { subject: 'app', source: { kind: 'none' } },
    ]);
    const problems: string[] = [];
    expect(await valuesOf(probe, problems)).toEqual({ primary: { cpuMs: 5 } });
    expect(problems).toEqual(['CPU time of replica1 cannot be read']);
  });

  test('goes on when the counter of a restarted node begins at zero again', async () => {
    await using group = await fakeGroup();
    await using probe = createCpuProbe([{ subject: 'primary', source: group.source }]);
    const seen: (number | undefined)[] = [];
    for (const usage of [3_000, 5_000, 1_000, 2_000]) {
      await group.set({ usage_usec: usage });
      seen.push((await valuesOf(probe))['primary']?.['cpuMs']);
    }
    expect(seen).toEqual([3, 5, 6, 7]);
  });

  test('goes on when a subject gets another source, even one that counts higher', async () => {
    await using first = await fakeGroup();
    await using second = await fakeGroup();
    await first.set({ usage_usec: 5_000 });
    await second.set({ usage_usec: 8_000 });
    const subject = { subject: 'primary', source: first.source };
    await using probe = createCpuProbe([subject]);
    await valuesOf(probe);
    subject.source = second.source;
    expect(await valuesOf(probe)).toEqual({ primary: { cpuMs: 13 } });
  });
});

// Where both controllers are mounted together, these are two names of one folder.
const cpuRoot = '/sys/fs/cgroup/cpu';
const cpuacctRoot = '/sys/fs/cgroup/cpuacct';

describe.runIf(canWrite(cpuRoot) && canWrite(cpuacctRoot))('cgroup version 1', () => {
  test('reads a real group: exited processes and throttling included', async () => {
    await using group = await realGroup();
    await using probe = createCpuProbe([{ subject: 'primary', source: group.source }]);
    const empty = await valuesOf(probe);
    expect(empty['primary']).toMatchObject({ cpuMs: 0, throttledPeriods: 0, quotaCores: 0.2 });
    {
      await using shell = await startShell('read go; (burn 300000); echo burnt; times; echo done; read end');
      await group.add(shell.pid);
      shell.proceed();
      await shell.line('done');
    }
    const values = (await valuesOf(probe))['primary'];
    expect(values?.['cpuMs']).toBeGreaterThan(50);
    expect(values?.['periods']).toBeGreaterThan(0);
    expect(values?.['throttledPeriods']).toBeGreaterThan(0);
    expect(values?.['throttledMs']).toBeGreaterThan(0);
  });
});

describe('the process of the harness', () => {
  test('is counted alone, without the children that are subjects of their own', async () => {
    await using shell = await startShell('burn 1000000; self; echo burnt; read end');
    await shell.line('burnt');
    await using probe = createCpuProbe([
      { subject: 'harness', source: { kind: 'process-tree', pid: process.pid } },
      { subject: 'app', source: { kind: 'process-tree', pid: shell.pid } },
    ]);
    const before = await valuesOf(probe);
    const spent = process.cpuUsage();
    await shell[Symbol.asyncDispose]();
    await until(() => parentOf(shell.pid) === undefined);
    // The child's time is in our own cutime now; it must not turn up as ours.
    const harness =
      Number((await valuesOf(probe))['harness']?.['cpuMs']) - Number(before['harness']?.['cpuMs']);
    const ours = process.cpuUsage(spent);
    expect(before['app']?.['cpuMs']).toBeGreaterThan(0);
    expect(harness).toBeLessThanOrEqual((ours.user + ours.system) / 1e3 + 5);
  });
});

type Values = Readonly<Record<string, Readonly<Record<string, number>>>>;

async function valuesOf(probe: ReturnType<typeof createCpuProbe>, problems: string[] = []): Promise<Values> {
  const readings = await probe.sample((problem) =>
    problems.push(problem instanceof Error ? problem.message : String(problem)),
  );
  return Object.fromEntries(readings.map(({ subject, values }) => [subject, values]));
}

/** A folder with the files of a version 2 group. */
async function fakeGroup() {
  const dir = await mkdtemp(path.join(tmpdir(), 'replibench-cgroup-'));
  const limit = (max: string): Promise<void> => writeFile(path.join(dir, 'cpu.max'), `${max}\n`);
  await limit('max 100000');
  const source: CpuSource = { kind: 'cgroup', version: 2, usageDir: dir, throttleDir: dir };
  return {
    source,
    limit,
    set: (stat: Readonly<Record<string, number>>) =>
      writeFile(
        path.join(dir, 'cpu.stat'),
        Object.entries(stat)
          .map(([name, value]) => `${name} ${value}\n`)
          .join(''),
      ),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

/** A version 1 group with 2 ms of every 10. */
async function realGroup() {
  const name = `replibench-test-${process.pid}`;
  const [usageDir, throttleDir] = [path.join(cpuacctRoot, name), path.join(cpuRoot, name)];
  const folders = [usageDir, throttleDir];
  for (const folder of folders) await mkdir(folder, { recursive: true });
  await writeFile(path.join(throttleDir, 'cpu.cfs_period_us'), '10000');
  await writeFile(path.join(throttleDir, 'cpu.cfs_quota_us'), '2000');
  const source: CpuSource = { kind: 'cgroup', version: 1, usageDir, throttleDir };
  return {
    source,
    async add(pid: number) {
      for (const folder of folders) await writeFile(path.join(folder, 'cgroup.procs'), String(pid));
    },
    async [Symbol.asyncDispose]() {
      for (const folder of folders)
        await until(async () => {
          // Busy until the kernel has finished with the last process.
          await rmdir(folder).catch(() => undefined);
          return !existsSync(folder);
        });
    },
  };
}

function canWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
}
