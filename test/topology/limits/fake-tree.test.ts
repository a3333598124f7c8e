import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Guardian, startGuardian } from '../../../bench/topology/guardian.ts';
import { availableCores } from '../../../bench/topology/limits/available-cores.ts';
import { findCgroup } from '../../../bench/topology/limits/cgroup-mounts.ts';
import { cgroupV2 } from '../../../bench/topology/limits/cgroup-v2.ts';
import type { CpuGroup } from '../../../bench/topology/limits/cpu-limits.ts';
import { detectLimits } from '../../../bench/topology/limits/detect-limits.ts';

let guardian: Guardian;
beforeAll(async () => {
  guardian = await startGuardian({ runId: randomBytes(4).toString('hex') });
});
afterAll(() => guardian[Symbol.asyncDispose]());

/** As the real one, but without a process, and a pretended group cannot be removed with the files in it. */
async function tryOut(create: () => Promise<CpuGroup>): Promise<void> {
  await (await create()).limit(0.5);
}

const v2Mount = '30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate';
const top = 'sys/fs/cgroup';

describe('cgroup v2', () => {
  test('root on a systemd machine: groups at the top, which hands cpu down', async () => {
    const root = await tree({
      'proc/self/mountinfo': v2Mount,
      'proc/self/cgroup': '0::/user.slice/user-0.slice/session-1.scope',
      [`${top}/cgroup.controllers`]: 'cpuset cpu io memory',
      [`${top}/cgroup.subtree_control`]: 'cpu memory',
      [`${top}/user.slice/user-0.slice/session-1.scope/cgroup.controllers`]: 'memory pids',
      [`${top}/user.slice/user-0.slice/session-1.scope/cgroup.subtree_control`]: '',
      [`${top}/user.slice/user-0.slice/cgroup.controllers`]: 'memory pids',
      [`${top}/user.slice/user-0.slice/cgroup.subtree_control`]: 'memory pids',
      [`${top}/user.slice/cgroup.controllers`]: 'memory pids',
      [`${top}/user.slice/cgroup.subtree_control`]: 'memory pids',
    });
    const limits = await v2(root);
    expect(limits.parents).toEqual([join(root, top)]);
    const group = await limits.createGroup('primary');
    const dir = join(root, top, `${guardian.runName}.primary`);
    await group.limit(0.25);
    expect(await readFile(join(dir, 'cpu.max'), 'utf8')).toBe('2500 10000');
    await group.limit(null);
    expect(await readFile(join(dir, 'cpu.max'), 'utf8')).toBe('max 10000');
    await group.add(4711);
    expect(await readFile(join(dir, 'cgroup.procs'), 'utf8')).toBe('4711');
    expect(group.cpuSource(4711)).toEqual({ kind: 'cgroup', version: 2, usageDir: dir, throttleDir: dir });
  });

  test('a subtree that was delegated: its top is asked to hand cpu down', async () => {
    const service = `${top}/user.slice/user-1000.slice/user@1000.service`;
    const root = await tree({
      'proc/self/mountinfo': v2Mount,
      'proc/self/cgroup': '0::/user.slice/user-1000.slice/user@1000.service/app.slice',
      // A folder in place of the file: writing fails, as for a group that has processes of its own.
      [`${service}/app.slice/cgroup.subtree_control/busy`]: '',
      [`${service}/cgroup.controllers`]: 'cpu memory pids',
      [`${service}/cgroup.subtree_control`]: 'memory',
    });
    const limits = await v2(root);
    expect(limits.parents).toEqual([join(root, service)]);
    expect(await readFile(join(root, service, 'cgroup.subtree_control'), 'utf8')).toBe('+cpu');
  });

  test('a container without the cpu controller: none, with the reason', async () => {
    const root = await tree({
      'proc/self/mountinfo': v2Mount,
      'proc/self/cgroup': '0::/',
      [`${top}/cgroup.controllers`]: 'memory pids',
      [`${top}/cgroup.subtree_control`]: '',
    });
    expect(await cgroupV2({ guardian, root, tryOut })).toEqual({
      reason: `cgroup v2: ${join(root, top)}: the cpu controller is not available`,
    });
  });

  async function v2(root: string) {
    const result = await cgroupV2({ guardian, root, tryOut });
    if ('reason' in result) throw new Error(result.reason);
    return result;
  }
});

describe('the systemd of an ordinary user', () => {
  test.each([
    ['50000 100000', 'systemd-scope'],
    // Accepted without a word where the cpu controller was not delegated.
    ['max 100000', 'none'],
  ])('that sets cpu.max to "%s" means %s', async (cpuMax, method) => {
    // The scope of the pretended systemd-run is the group this test really runs in.
    const own = /^0::(.*)$/m.exec(await readFile('/proc/self/cgroup', 'utf8').catch(() => ''))?.[1] ?? '/';
    const root = await tree({
      'proc/self/mountinfo': v2Mount,
      'proc/self/cgroup': '0::/',
      [`${top}${own}/cpu.max`]: cpuMax,
      'bin/systemd-run': '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift; exec "$@"',
    });
    await chmod(join(root, 'bin/systemd-run'), 0o755);
    const path = process.env['PATH'];
    onTestFinished(() => {
      process.env['PATH'] = path;
    });
    process.env['PATH'] = `${join(root, 'bin')}:${path}`;
    const limits = await detectLimits({ guardian, want: 'auto', root });
    expect(limits.method).toBe(method);
    if (method === 'none')
      return expect(limits.finding?.message).toContain('does not limit: cpu.max is "max 100000"');
    const group = await limits.createGroup('primary');
    expect(group.wrap(['postgres', '-D', 'data'])).toEqual([
      ...[
        'systemd-run',
        '--user',
        '--scope',
        '--quiet',
        '--collect',
        `--unit=${guardian.runName}.primary.scope`,
        '--',
      ],
      ...['postgres', '-D', 'data'],
    ]);
  });
});

describe('where a process stands', () => {
  test('v1 with cpu and cpuacct mounted together, in a container that sees a part of the hierarchy', async () => {
    const root = await tree({
      'proc/self/mountinfo':
        '31 24 0:27 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro,nosuid - cgroup cgroup rw,cpu,cpuacct',
      'proc/self/cgroup': '4:cpu,cpuacct:/docker/abc/inner\n1:name=systemd:/docker/abc',
    });
    const expected = {
      mountPoint: join(root, 'sys/fs/cgroup/cpu,cpuacct'),
      own: join(root, 'sys/fs/cgroup/cpu,cpuacct/inner'),
    };
    expect(findCgroup(root, 'cpu')).toEqual(expected);
    expect(findCgroup(root, 'cpuacct')).toEqual(expected);
    expect(findCgroup(root, null)).toBeNull();
  });

  test('a mount point with a space, and a group outside of what is mounted', async () => {
    const root = await tree({
      'proc/self/mountinfo': '30 24 0:26 / /sys/fs/my\\040cgroup rw - cgroup2 cgroup2 rw',
      'proc/self/cgroup': '0::/../other',
    });
    const mountPoint = join(root, 'sys/fs/my cgroup');
    expect(findCgroup(root, null)).toEqual({ mountPoint, own: mountPoint });
  });
});

describe('cores that can be used', () => {
  test('no more than the tightest quota above', async () => {
    const root = await tree({
      'proc/self/mountinfo': v2Mount,
      'proc/self/cgroup': '0::/box/inner',
      [`${top}/box/inner/cpu.max`]: 'max 100000',
      [`${top}/box/cpu.max`]: '50000 100000',
    });
    expect(availableCores(root)).toBe(0.5);
  });

  test('v1: the quota of the own group', async () => {
    const root = await tree({
      'proc/self/mountinfo': '31 24 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu',
      'proc/self/cgroup': '4:cpu:/box',
      [`${top}/cpu/box/cpu.cfs_quota_us`]: '75000',
      [`${top}/cpu/box/cpu.cfs_period_us`]: '100000',
      [`${top}/cpu/cpu.cfs_quota_us`]: '-1',
    });
    expect(availableCores(root)).toBe(0.75);
  });
});

describe('no quota', () => {
  test('says in plain words what that means, and why', async () => {
    const root = await tree({ 'proc/self/mountinfo': '', 'proc/self/cgroup': '' });
    const limits = await detectLimits({ guardian, want: 'auto', root });
    expect(limits.method).toBe('none');
    expect(limits.finding).toMatchObject({ severity: 'warning', id: 'no-quota' });
    expect(limits.finding?.message).toContain('no cgroup v1 with cpu and cpuacct; no cgroup v2');
    expect(limits.finding?.message).toContain('share the same cores');
    const group = await limits.createGroup('primary');
    await group.limit(0.5);
    expect(group.wrap(['postgres', '-D', 'data'])).toEqual(['postgres', '-D', 'data']);
  });

  test('can be asked for', async () => {
    const limits = await detectLimits({ guardian, want: 'none' });
    expect(limits.finding?.message).toContain('switched off');
  });
});

/** Files of a pretended machine by path. */
async function tree(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'fake-machine-'));
  onTestFinished(async () => {
    await rm(root, { recursive: true, force: true });
    expect(existsSync(root)).toBe(false);
  });
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text === '' ? '' : `${text}\n`);
  }
  return root;
}
