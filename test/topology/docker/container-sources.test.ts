import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { containerSources, noSources } from '../../../bench/topology/docker/container-sources.ts';

const id = '45ed65ecd79fa01ba943cdc0136d9c944b194c64be65bf4f86bdb25378de73d8';

test('version 1, controllers mounted apart, cgroupfs driver', async () => {
  const root = await tree({
    'proc/self/mountinfo': `31 30 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
32 30 0:29 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct
34 30 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
40 30 0:37 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw`,
    'proc/4711/cgroup': `4:memory:/docker/${id}\n2:cpuacct:/docker/${id}\n1:cpu:/docker/${id}\n0::/docker/${id}`,
    [`sys/fs/cgroup/cpu/docker/${id}/cpu.stat`]: '',
    [`sys/fs/cgroup/cpuacct/docker/${id}/cpuacct.usage`]: '',
    [`sys/fs/cgroup/memory/docker/${id}/memory.stat`]: '',
    [`sys/fs/cgroup/unified/docker/${id}/cgroup.procs`]: '',
  });
  const at = (controller: string) => join(root, 'sys/fs/cgroup', controller, 'docker', id);
  expect(containerSources(id, 4711, root)).toEqual({
    cpu: { kind: 'cgroup', version: 1, usageDir: at('cpuacct'), throttleDir: at('cpu') },
    memory: { kind: 'cgroup', version: 1, dir: at('memory') },
  });
});

test('version 2, systemd driver', async () => {
  const scope = `system.slice/docker-${id}.scope`;
  const root = await tree({
    'proc/self/mountinfo': '30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate',
    'proc/4711/cgroup': `0::/${scope}`,
    [`sys/fs/cgroup/${scope}/cpu.stat`]: '',
  });
  const dir = join(root, 'sys/fs/cgroup', scope);
  expect(containerSources(id, 4711, root)).toEqual({
    cpu: { kind: 'cgroup', version: 2, usageDir: dir, throttleDir: dir },
    memory: { kind: 'cgroup', version: 2, dir },
  });
});

test.each([
  ['the pid is somebody else here', { 'proc/4711/cgroup': '0::/user.slice' }],
  ['there is no such process here', {}],
  ['the group cannot be seen', { 'proc/4711/cgroup': `0::/../docker/${id}` }],
])('none when %s', async (_name, files) => {
  const root = await tree({
    'proc/self/mountinfo': '30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw',
    'sys/fs/cgroup/user.slice/cpu.stat': '',
    ...files,
  });
  expect(containerSources(id, 4711, root)).toEqual(noSources);
});

async function tree(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'replibench-tree-'));
  onTestFinished(() => rm(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), `${text}\n`);
  }
  return root;
}
