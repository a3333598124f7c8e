import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createHostProbe } from '../../bench/probes/host.ts';

test('reads what the kernel counts, all cores together', async () => {
  const procDir = await mkdtemp(path.join(tmpdir(), 'replibench-proc-'));
  try {
    await mkdir(path.join(procDir, 'pressure'));
    const files = {
      // user nice system idle iowait irq softirq steal guest guest_nice; guest is in user already.
      stat: 'cpu  100 20 30 4000 50 6 7 80 90 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n',
      schedstat:
        'version 15\ntimestamp 1\ncpu0 0 0 0 0 0 0 11 2000000 3\ndomain0 3\ncpu1 0 0 0 0 0 0 11 3000000 3\n',
      loadavg: '1.50 0.48 0.27 2/92 5633\n',
      'pressure/cpu': 'some avg10=24.41 avg60=1.0 avg300=4.65 total=28960241\nfull avg10=0.00 total=9\n',
      'pressure/io': 'some avg10=0.00 avg60=0.00 avg300=0.00 total=1500\nfull avg10=0.00 total=0\n',
    };
    for (const [file, text] of Object.entries(files)) await writeFile(path.join(procDir, file), text);
    await using probe = createHostProbe({ procDir, clock: () => 42 });
    const values = {
      busyMs: 1_630,
      idleMs: 40_000,
      iowaitMs: 500,
      stealMs: 800,
      runQueueWaitMs: 5,
      pressureCpuSomeMs: 28_960.241,
      pressureIoSomeMs: 1.5,
      loadAverage1: 1.5,
      cores: availableParallelism(),
    };
    expect(await probe.sample()).toEqual([{ atMs: 42, probe: 'host', subject: 'host', values }]);
  } finally {
    await rm(procDir, { recursive: true });
  }
});

test('what the kernel does not tell is absent, not 0', async () => {
  await using probe = createHostProbe({ procDir: '/nowhere' });
  const [reading] = await probe.sample();
  expect(reading?.values).toEqual({ cores: availableParallelism() });
});

test.runIf(process.platform === 'linux')('reads this machine', async () => {
  await using probe = createHostProbe();
  const [reading] = await probe.sample();
  expect(reading?.values['busyMs']).toBeGreaterThan(0);
  expect(reading?.values['idleMs']).toBeGreaterThan(0);
});
