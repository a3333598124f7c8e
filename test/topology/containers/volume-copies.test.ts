import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { copyScript } from '../../../bench/topology/containers/volume-copies.ts';

test('copies the template for every node and makes each what it is', () => {
  const root = mkdtempSync(join(tmpdir(), 'replibench-copies-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const folder of ['from/data', 'to/0', 'to/1']) mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'from/data/PG_VERSION'), '17\n');
  writeFileSync(join(root, 'from/data/postgresql.auto.conf'), "of_the_template = 'yes'\n");
  const conninfo = "host='c1-primary' password='it''s \\ $(id)'";
  const script = copyScript([
    { volume: 'a', role: 'primary', settings: { cluster_name: 'primary' } },
    { volume: 'b', role: 'replica', settings: { cluster_name: 'replica1', primary_conninfo: conninfo } },
  ]);
  // The script as it is, but with the folders of this test.
  execFileSync('sh', ['-es'], { input: script.replaceAll(/ (>?)\/(from|to)\//g, ` $1${root}/$2/`) });
  const read = (path: string) => readFileSync(join(root, path), 'utf8');
  expect(read('to/0/data/PG_VERSION')).toBe('17\n');
  expect(read('to/0/data/postgresql.auto.conf')).toBe("cluster_name = 'primary'\n");
  expect(() => statSync(join(root, 'to/0/data/standby.signal'))).toThrow('ENOENT');
  expect(read('to/1/data/postgresql.auto.conf')).toBe(
    "cluster_name = 'replica1'\nprimary_conninfo = 'host=''c1-primary'' password=''it''''s \\\\ $(id)'''\n",
  );
  expect(read('to/1/data/standby.signal')).toBe('');
});
