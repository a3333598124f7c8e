import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { spawnGated } from '../../../bench/topology/gate.ts';
import { type Guardian, startGuardian } from '../../../bench/topology/guardian.ts';
import { type CpuGroup, quotaOf } from '../../../bench/topology/limits/cpu-limits.ts';
import { detectLimits } from '../../../bench/topology/limits/detect-limits.ts';
import { leftoversOf } from '../support/leftovers.ts';

// What this machine has decides whether the real thing can be tried; the fake trees test the rest.
const runId = randomBytes(4).toString('hex');
await using probe = await startGuardian({ runId });
const { method } = await detectLimits({ guardian: probe, want: 'auto' });

test.runIf(method === 'cgroup-v1' || method === 'cgroup-v2')(
  'a group gets no more than its quota, also when its members have forked',
  async () => {
    await using guardian = await startGuardian({ runId: randomBytes(4).toString('hex') });
    await using group = await newGroup(guardian, 'burner');
    await using burner = await burn(group, 2);
    await group.limit(0.2);
    const limited = await shareOf(group, burner.pid);
    // The kernel hands quota out in whole periods of 10 ms: one at each end of the window may count extra.
    expect(limited.cores).toBeGreaterThan(0);
    expect(limited.cores).toBeLessThan(0.2 + 0.2 * (20 / 600) + 0.01);
    expect(limited.throttled).toBeGreaterThan(0);

    await group.limit(null);
    const free = await shareOf(group, burner.pid);
    expect(free.throttled).toBe(0);
  },
);

test.runIf(method === 'cgroup-v1' || method === 'cgroup-v2')(
  'the kernel takes the smallest and the largest quota',
  async () => {
    await using guardian = await startGuardian({ runId: randomBytes(4).toString('hex') });
    await using group = await newGroup(guardian, 'any');
    for (const cpus of [0.01, 0.4 * (2 / 9), 0.1, 1, 64, null, 0.02]) await group.limit(cpus);
  },
);

test.runIf(method === 'cgroup-v1' || method === 'cgroup-v2')(
  'a group is gone after its end, and so is the trial',
  async () => {
    const id = randomBytes(4).toString('hex');
    await using guardian = await startGuardian({ runId: id });
    const group = await newGroup(guardian, 'short');
    const source = group.cpuSource(process.pid);
    if (source.kind !== 'cgroup') throw new Error('not a cgroup');
    expect(existsSync(source.usageDir)).toBe(true);
    expect(readdirSync(join(source.usageDir, '..')).filter((name) => name.includes(`${id}-`))).toHaveLength(
      1,
    );
    await group[Symbol.asyncDispose]();
    await group[Symbol.asyncDispose]();
    expect(leftoversOf(id).filter((left) => !left.includes('guardian-process'))).toEqual([]);
  },
);

test('a very small share gets a longer period, because the kernel refuses quotas under 1 ms', () => {
  expect(quotaOf(0.5)).toEqual({ quotaUs: 5000, periodUs: 10_000 });
  expect(quotaOf(2)).toEqual({ quotaUs: 20_000, periodUs: 10_000 });
  expect(quotaOf(0.05)).toEqual({ quotaUs: 1000, periodUs: 20_000 });
});

async function newGroup(guardian: Guardian, part: string): Promise<CpuGroup> {
  return (await detectLimits({ guardian, want: 'auto' })).createGroup(part);
}

/** `count` busy loops in the group, children of the process that was put into it. */
async function burn(group: CpuGroup, count: number): Promise<{ pid: number } & AsyncDisposable> {
  const loop = 'while :; do :; done';
  const gated = await spawnGated(['/bin/sh', '-c', `${`(${loop}) & `.repeat(count - 1)}${loop}`], {
    cwd: '/',
    env: {},
    output: 2,
    detached: true,
  });
  const ended = once(gated.child, 'exit');
  await group.add(gated.pid);
  gated.open();
  return {
    pid: gated.pid,
    async [Symbol.asyncDispose]() {
      process.kill(-gated.pid, 'SIGKILL');
      await ended;
    },
  };
}

/** Cores used and periods throttled during 600 ms. */
async function shareOf(group: CpuGroup, pid: number): Promise<{ cores: number; throttled: number }> {
  const source = group.cpuSource(pid);
  if (source.kind !== 'cgroup') throw new Error('not a cgroup');
  const usageMs = () =>
    source.version === 1
      ? Number(readFileSync(join(source.usageDir, 'cpuacct.usage'), 'utf8')) / 1e6
      : Number(/usage_usec (\d+)/.exec(readFileSync(join(source.usageDir, 'cpu.stat'), 'utf8'))?.[1]) / 1e3;
  const throttled = () =>
    Number(/nr_throttled (\d+)/.exec(readFileSync(join(source.throttleDir, 'cpu.stat'), 'utf8'))?.[1]);
  // Skips what the change of the quota itself may still let through.
  await sleep(50);
  const before = { usage: usageMs(), throttled: throttled(), at: performance.now() };
  await sleep(600);
  return {
    cores: (usageMs() - before.usage) / (performance.now() - before.at),
    throttled: throttled() - before.throttled,
  };
}
