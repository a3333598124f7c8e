import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import {
  type InspectedContainer,
  lastWords,
  limitCpu,
  publishedPort,
  requireImage,
} from '../../../bench/topology/docker/container.ts';
import { parseDeath, watchDeaths } from '../../../bench/topology/docker/deaths.ts';
import { fakeDocker } from './fake-docker.ts';

describe('quotas', () => {
  test.each([
    [0.25, '--cpu-period 10000 --cpu-quota 2500'],
    [0.05, '--cpu-period 20000 --cpu-quota 1000'],
    [null, '--cpu-period 10000 --cpu-quota -1'],
  ])('%s cores', async (cpus, expected) => {
    await using docker = await fakeDocker('exit 0');
    await limitCpu('abc', cpus);
    expect(await docker.calls()).toEqual([`update ${expected} abc`]);
  });
});

describe('images', () => {
  test('one that is here is never pulled', async () => {
    await using docker = await fakeDocker('exit 0');
    await requireImage('postgres:17');
    expect(await docker.calls()).toEqual(['image inspect --format {{.Id}} postgres:17']);
  });

  test('one that is nowhere: what to do', async () => {
    await using _ = await fakeDocker(
      '[ "$1" = image ] && echo "Error: No such image: postgres:99" >&2; exit 1',
    );
    await expect(requireImage('postgres:99')).rejects.toThrow(
      /^the image postgres:99 is neither on this machine nor .*docker\/local-images\/build\.sh/,
    );
  });
});

test('the port on the loopback address, and a plain word when there is none', () => {
  const container = (ports: InspectedContainer['NetworkSettings']['Ports']): InspectedContainer => ({
    Id: '0123456789abcdef',
    State: { Pid: 1, Running: true, ExitCode: 0 },
    Config: { Labels: {} },
    NetworkSettings: { Ports: ports },
  });
  const both = [
    { HostIp: '::1', HostPort: '32001' },
    { HostIp: '127.0.0.1', HostPort: '32000' },
  ];
  expect(publishedPort(container({ '5432/tcp': both }), 5432)).toBe(32_000);
  expect(() => publishedPort(container({ '5432/tcp': null }), 5432)).toThrow(
    'port 5432 of container 0123456789ab is not published on this machine',
  );
});

test('last words without secrets; none of a container that is gone', async () => {
  await using _ = await fakeDocker('[ "$4" = here ] && echo "user=app password=s3cret" || exit 1');
  expect(await lastWords('here', ['s3cret'])).toBe(
    '. The last lines of its output:\n  user=app password=***',
  );
  expect(await lastWords('gone', [])).toBe('');
});

test('of the engine’s events only deaths count', () => {
  const event = (Action: string) =>
    JSON.stringify({ Action, Actor: { ID: 'abc', Attributes: { exitCode: '137' } } });
  expect(parseDeath(event('die'))).toEqual({ containerId: 'abc', how: 'exit code 137' });
  expect(parseDeath(event('start'))).toBeNull();
  expect(parseDeath('{"Action":"di')).toBeNull();
});

test('a container whose engine tells no more counts as ended, asked for before or after', async () => {
  const death = JSON.stringify({ Action: 'die', Actor: { ID: 'dead', Attributes: { exitCode: '1' } } });
  await using engine = await fakeDocker(`echo '${death}'; until [ -e "$STATE/restart" ]; do sleep 0.1; done`);
  await using deaths = await watchDeaths('replibench.run=x', process.env);
  expect(await deaths.of('dead')).toBe('exit code 1');
  const before = deaths.of('living');
  await writeFile(join(engine.folder, 'restart'), '');
  expect(await before).toMatch(/^the Docker engine stopped telling/);
  expect(await deaths.of('another')).toMatch(/^the Docker engine stopped telling/);
  expect(await deaths.of('dead')).toBe('exit code 1');
});

test('a watch that was taken down tells of no end', async () => {
  await using _ = await fakeDocker('exec sleep 60');
  const deaths = await watchDeaths('replibench.run=x', process.env);
  const told = vi.fn();
  void deaths.of('living').then(told);
  await deaths[Symbol.asyncDispose]();
  expect(told).not.toHaveBeenCalled();
});
