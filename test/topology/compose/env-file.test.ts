import { chown, lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  parseEnv,
  readEnvFile,
  setVariables,
  withVariables,
} from '../../../bench/topology/compose/env-file.ts';

const text = `# who is the primary
DB_HOST=postgres-primary
POSTGRES_PASSWORD='a=b#c'

export HTTP_PORT="8080"
# DB_REPLICA1_HOST=not this one
`;

test('reads assignments and nothing else', () => {
  expect(parseEnv(text)).toEqual({
    DB_HOST: 'postgres-primary',
    POSTGRES_PASSWORD: 'a=b#c',
    HTTP_PORT: '8080',
  });
});

test('changes a variable in place and adds a new one at the end; the rest stays to the letter', () => {
  const changed = withVariables(text, { DB_HOST: 'postgres-replica1', DB_REPLICA1_HOST: 'postgres-primary' });
  expect(changed).toBe(
    `${text.replace('DB_HOST=postgres-primary', 'DB_HOST=postgres-replica1')}DB_REPLICA1_HOST=postgres-primary\n`,
  );
});

test('changes every assignment: the last one counts', () => {
  expect(withVariables('A=1\nA=2\n', { A: '3' })).toBe('A=3\nA=3\n');
});

test('replaces the file in one step, keeps its permissions and leaves nothing beside it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'replibench-env-'));
  try {
    const path = join(folder, 'stack.env');
    await writeFile(path, text, { mode: 0o640 });
    await setVariables(path, { DB_HOST: 'postgres-replica2' });
    expect(await readEnvFile(path)).toMatchObject({ DB_HOST: 'postgres-replica2', HTTP_PORT: '8080' });
    expect((await stat(path)).mode & 0o777).toBe(0o640);
    expect(await readdir(folder)).toEqual(['stack.env']);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('changes the file that a link names, which stays a link, and keeps its owner', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'replibench-env-'));
  try {
    const [file, link] = [join(folder, 'shared.env'), join(folder, '.env')];
    await writeFile(file, text, { mode: 0o640 });
    // Only root can give it to somebody else.
    if (process.getuid?.() === 0) await chown(file, 12_345, 12_346);
    const before = await stat(file);
    await symlink('shared.env', link);
    await setVariables(link, { DB_HOST: 'postgres-replica2' });
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    expect(await readEnvFile(file)).toMatchObject({ DB_HOST: 'postgres-replica2' });
    const { uid, gid, mode } = await stat(file);
    expect({ uid, gid, mode }).toEqual({ uid: before.uid, gid: before.gid, mode: before.mode });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a missing file is empty, and made private when it is written', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'replibench-env-'));
  try {
    const path = join(folder, '.env');
    expect(await readEnvFile(path)).toEqual({});
    await setVariables(path, { DB_HOST: 'a' });
    expect(await readFile(path, 'utf8')).toBe('DB_HOST=a\n');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  } finally {
    await rm(folder, { recursive: true });
  }
});
