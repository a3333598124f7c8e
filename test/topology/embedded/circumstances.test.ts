/** The same topology in places where it is easily broken. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { EnvironmentError } from '../../../bench/model.ts';
import { unprivilegedAccount } from '../../../bench/topology/embedded/account.ts';
import { requireSpace } from '../../../bench/topology/embedded/cluster-copy.ts';
import { createEmbeddedTopology } from '../../../bench/topology/embedded/embedded.ts';
import { startServer } from '../../../bench/topology/embedded/server.ts';
import { startGuardian } from '../../../bench/topology/guardian.ts';
import { detectLimits } from '../../../bench/topology/limits/detect-limits.ts';
import { leftoversOf } from '../support/leftovers.ts';

const harness = fileURLToPath(new URL('../support/harness.ts', import.meta.url));
const root = process.getuid?.() === 0;
const installedBinDir = ['14', '15', '16', '17', '18']
  .map((major) => `/usr/lib/postgresql/${major}/bin`)
  .find((dir) => existsSync(join(dir, 'initdb')));

test('a folder with spaces and quotes in its name', async () => {
  const parentDir = join(await scratch(), `it's a "folder"`);
  await mkdir(parentDir);
  const { events } = await runHarness({ replicas: 1, parentDir });
  expect(events.at(-1)).toMatchObject({ name: 'running' });
});

// Run as an ordinary user, every other test of this folder shows the same.
test.runIf(root && reachableByEverybody(harness))('an ordinary user', async () => {
  const parentDir = await scratch();
  await chmod(parentDir, 0o777);
  const nobody = accountOf('nobody');
  const { events, runId } = await runHarness(
    { replicas: 1, parentDir },
    { ...nobody, env: { TMPDIR: parentDir } },
  );
  expect(events.at(-1)).toMatchObject({ name: 'running', uid: nobody.uid });
  expect(leftoversOf(runId, [parentDir])).toEqual([]);
});

test.runIf(installedBinDir !== undefined)('an installed PostgreSQL of another version', async () => {
  const { events } = await runHarness({ replicas: 1 }, { env: { PG_BIN_DIR: installedBinDir } });
  expect(events.at(-1)).toMatchObject({ name: 'running' });
});

test.runIf(root)('a folder that the servers may not enter', async () => {
  const parentDir = await scratch();
  await chmod(parentDir, 0o700);
  await using guardian = await startGuardian({ runId: newRunId() });
  const failing = createEmbeddedTopology({
    guardian,
    parentDir,
    maxReplicas: 0,
    nodeCpus: null,
    limits: 'none',
    signal: new AbortController().signal,
    prepare: async () => undefined,
  });
  await expect(failing).rejects.toBeInstanceOf(EnvironmentError);
  await expect(failing).rejects.toThrow(/uid \d+, which cannot enter .*TMPDIR/);
});

test('too little space: where, how much is needed and how much there is', async () => {
  await expect(requireSpace(tmpdir(), 3, 2 ** 50)).rejects.toBeInstanceOf(EnvironmentError);
  await expect(requireSpace(tmpdir(), 3, 2 ** 50)).rejects.toThrow(
    /not enough disk space in \S+: 3 nodes need 3221226240 MB, \d+ MB are free/,
  );
  await requireSpace(tmpdir(), 0, 0);
});

test('a port that somebody else took is told apart from a server that cannot start', async () => {
  const { signal } = new AbortController();
  await using guardian = await startGuardian({ runId: newRunId() });
  await using topology = await createEmbeddedTopology({
    guardian,
    maxReplicas: 0,
    nodeCpus: null,
    limits: 'none',
    signal,
    prepare: async () => undefined,
  });
  const other = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = other.address();
  const takenPort = typeof address === 'object' && address !== null ? address.port : 0;
  const limits = await detectLimits({ guardian, want: 'none' });
  const { postgres, initdb } = binariesOf(topology.dataDir);
  const serve = async (dataDir: string, port: number) =>
    startServer({
      ...{
        guardian,
        signal,
        dataDir,
        account: unprivilegedAccount(),
        group: await limits.createGroup('any'),
      },
      binaries: { postgres, initdb, version: topology.postgresVersion },
      logFile: join(topology.dataDir, 'any.log'),
      address: {
        name: 'any',
        role: 'primary',
        host: '127.0.0.1',
        port,
        database: 'postgres',
        user: 'x',
        password: '',
      },
    });
  const template = join(topology.dataDir, 'template');
  await expect(serve(template, takenPort)).rejects.toMatchObject({ name: 'PortTaken' });
  other.close();
  await once(other, 'close');
  const failing = serve(topology.dataDir, takenPort);
  await expect(failing).rejects.toBeInstanceOf(EnvironmentError);
  await expect(failing).rejects.toThrow(/any ended \(exit code \d\).*postgresql\.conf/s);
});

test.runIf(process.platform === 'linux')(
  'no cgroups: a node that is started again is measured on',
  async () => {
    const { signal } = new AbortController();
    await using guardian = await startGuardian({ runId: newRunId() });
    await using topology = await createEmbeddedTopology({
      ...{ guardian, signal, maxReplicas: 0, nodeCpus: null, limits: 'none' },
      prepare: async () => undefined,
    });
    await using cluster = await topology.start({ replicas: 0 }, signal);
    const [primary] = cluster.nodes;
    const postmaster = () => {
      const { cpu } = primary ?? {};
      if (cpu?.kind !== 'process-tree') throw new Error('expected a process');
      return { pid: cpu.pid, command: readFileSync(`/proc/${cpu.pid}/cmdline`, 'utf8') };
    };
    const first = postmaster();
    await primary?.kill();
    await primary?.start?.();
    const second = postmaster();
    expect(second.pid).not.toBe(first.pid);
    expect(second.command).toBe(first.command);
  },
);

function binariesOf(dataDir: string): { postgres: string; initdb: string } {
  // What comes before the quoted flags in postmaster.opts is the program that made this cluster's last start.
  const line = readFileSync(join(dataDir, 'template', 'postmaster.opts'), 'utf8');
  const postgres = /^(.+?) "-D"/.exec(line)?.[1] ?? '';
  return { postgres, initdb: join(dirname(postgres), 'initdb') };
}

async function runHarness(
  options: { replicas: number; parentDir?: string },
  as: { uid?: number; gid?: number; env?: Record<string, string | undefined> } = {},
): Promise<{ runId: string; events: Record<string, unknown>[] }> {
  const runId = newRunId();
  const child = spawn(process.execPath, [harness, JSON.stringify({ ...options, runId })], {
    ...as,
    cwd: '/',
    env: { PATH: process.env['PATH'], ...as.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end();
  const [output, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  expect(errors).toBe('');
  expect(code).toBe(0);
  expect(leftoversOf(runId, options.parentDir ? [options.parentDir] : [])).toEqual([]);
  return {
    runId,
    events: output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  };
}

function reachableByEverybody(path: string): boolean {
  for (let dir = dirname(path); dir !== '/'; dir = dirname(dir)) {
    if ((statSync(dir).mode & 0o005) !== 0o005) return false;
  }
  return true;
}

function accountOf(name: string): { uid: number; gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}

/** A folder that every account can enter. */
async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'circumstances-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  return folder;
}

function newRunId(): string {
  return randomBytes(4).toString('hex');
}
