import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createMemoryProbe } from '../../bench/probes/memory.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'replibench-memory-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
}

async function valuesOf(version: 1 | 2) {
  await using probe = createMemoryProbe([{ subject: 'primary', source: { kind: 'cgroup', version, dir } }]);
  const [reading] = await probe.sample();
  expect(reading).toMatchObject({ probe: 'memory', subject: 'primary' });
  return reading?.values;
}

test('version 1: the working set of the group and its children, and the limit', async () => {
  write({
    'memory.usage_in_bytes': '300000000\n',
    'memory.limit_in_bytes': '536870912\n',
    'memory.stat': 'inactive_file 7\ntotal_cache 250000000\ntotal_inactive_file 180000000\n',
  });
  expect(await valuesOf(1)).toEqual({ memoryBytes: 120_000_000, limitBytes: 536_870_912 });
});

test('version 1 without a limit', async () => {
  write({
    'memory.usage_in_bytes': '5000\n',
    'memory.limit_in_bytes': '9223372036854771712\n',
    'memory.stat': 'total_inactive_file 1000\n',
  });
  expect(await valuesOf(1)).toEqual({ memoryBytes: 4000 });
});

test('version 2, with and without a limit', async () => {
  write({ 'memory.current': '9000\n', 'memory.max': 'max\n', 'memory.stat': 'anon 1\ninactive_file 4000\n' });
  expect(await valuesOf(2)).toEqual({ memoryBytes: 5000 });
  write({ 'memory.max': '268435456\n' });
  expect(await valuesOf(2)).toEqual({ memoryBytes: 5000, limitBytes: 268_435_456 });
});

test('a group that is gone is told, and no reading; a subject without a source has none', async () => {
  const problems: string[] = [];
  await using probe = createMemoryProbe([
    { subject: 'app1', source: { kind: 'cgroup', version: 2, dir: join(dir, 'gone') } },
    { subject: 'app', source: { kind: 'none' } },
  ]);
  expect(await probe.sample((error) => problems.push(String(error)))).toEqual([]);
  expect(problems).toEqual(['Error: memory of app1 cannot be read']);
});
