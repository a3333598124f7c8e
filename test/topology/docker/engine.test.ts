import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { EnvironmentError } from '../../../bench/model.ts';
import { DockerError, docker, requireEngine } from '../../../bench/topology/docker/engine.ts';

afterEach(() => void vi.unstubAllEnvs());

/** A `docker` of our own, first on the PATH. */
async function withDocker(script: string): Promise<AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'replibench-docker-'));
  await writeFile(join(folder, 'docker'), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, 'docker'), 0o755);
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env['PATH']}`);
  return { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

test('hands input and arguments over as they are, and gives both outputs', async () => {
  await using _ = await withDocker('printf "%s|" "$@"; cat; echo loud >&2');
  const output = await docker(['exec', 'a b', '$(id)'], { input: 'from stdin' });
  expect(output).toEqual({ stdout: 'exec|a b|$(id)|from stdin', stderr: 'loud\n' });
});

test('says what a failed command said, and not its arguments', async () => {
  await using _ = await withDocker('echo "No such container: x" >&2; exit 7');
  const failure = docker(['exec', 'x', 'sh', '-c', 'a long script']);
  await expect(failure).rejects.toThrow('docker exec x failed: No such container: x');
  await expect(failure).rejects.toBeInstanceOf(DockerError);
  await expect(failure).rejects.toMatchObject({ code: 7, stderr: 'No such container: x\n' });
});

test.each([
  ['no daemon', 'echo "Cannot connect to the Docker daemon at unix:///var/run/docker.sock." >&2; exit 1'],
  ['another failure', 'echo "permission denied" >&2; exit 1'],
])('without an engine it says so and what to do: %s', async (_name, script) => {
  await using _ = await withDocker(script);
  await expect(requireEngine()).rejects.toThrow(
    'no Docker engine answers: start it, or use --topology embedded',
  );
});

test('without the docker program, too', async () => {
  vi.stubEnv('PATH', '/nonexistent');
  const failure = docker(['ps']);
  await expect(failure).rejects.toBeInstanceOf(EnvironmentError);
  await expect(failure).rejects.toThrow('no Docker engine answers');
});

test('an abort ends the command and is what is thrown', async () => {
  await using _ = await withDocker('exec sleep 60');
  const reason = new Error('interrupted');
  const abort = new AbortController();
  const running = docker(['wait', 'x'], { signal: abort.signal });
  abort.abort(reason);
  await expect(running).rejects.toBe(reason);
});

test('an abort is reported when the command has ended, not before', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'replibench-abort-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const [ready, ended] = [join(folder, 'ready'), join(folder, 'ended')];
  // Ends in its own time when it is told to, as `compose up` does.
  await using _ = await withDocker(
    `trap 'sleep 1; touch ${ended}; exit 130' TERM; touch ${ready}; while :; do sleep 0.1; done`,
  );
  const abort = new AbortController();
  const running = docker(['compose', 'up'], { signal: abort.signal });
  running.catch(() => undefined);
  await vi.waitUntil(() => existsSync(ready), 30_000);
  abort.abort(new Error('interrupted'));
  await expect(running).rejects.toThrow('interrupted');
  expect(existsSync(ended)).toBe(true);
});
