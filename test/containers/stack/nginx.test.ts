/** The balancer's rules with upstreams that can be told to break off in the middle of a request. */

import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { docker } from '../../../bench/topology/docker/engine.ts';
import { describeWithEngine } from '../support/engine.ts';
import { until } from '../support/until.ts';

/** Answers with its name, logs every request, and cuts the connection when the request names it. */
const upstream = `
  require('node:http').createServer((request, response) => {
    request.resume().on('end', () => {
      console.log(request.method + ' ' + request.url);
      if (request.headers['x-break'] === process.env.NAME) request.socket.destroy();
      else response.end(process.env.NAME);
    });
  }).listen(3000);
  process.on('SIGTERM', () => process.exit());`;

const names = ['app1', 'app2', 'app3'];

describeWithEngine('nginx before three applications', () => {
  // As in test/containers/support/compose.ts, so that .ci/engine removes what a killed run leaves.
  const project = `rbtest-${process.pid}-${randomBytes(4).toString('hex')}`;
  const labels = ['--label', `com.docker.compose.project=${project}`];
  const container = (name: string): string => `${project}-${name}`;
  let url: string;

  beforeAll(async () => {
    await docker(['network', 'create', ...labels, project]);
    for (const name of names) await start(name);
    const mount = `${path.resolve('docker/nginx')}:/usr/local/lib/replibench:ro`;
    await docker([
      ...['run', '-d', '--name', container('nginx'), ...labels, '--network', project],
      ...['--user', 'nginx', '--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '-v', mount],
      ...['-e', 'NGINX_CONF=/usr/local/lib/replibench/nginx.conf', '-e', 'UPSTREAMS=app1 app2 app3'],
      ...['-e', 'UPSTREAM_PORT=3000', '-p', '127.0.0.1::8080'],
      ...['--entrypoint', '/usr/local/lib/replibench/start.sh', process.env['NGINX_IMAGE'] ?? 'nginx:1.28'],
    ]);
    const { stdout } = await docker(['port', container('nginx'), '8080']);
    url = `http://${stdout.trim()}`;
    await until('three answers of three applications', async () => (await answers(9)).size === 3);
  });
  afterAll(async () => {
    const containers = [...names, 'nginx', 'other'].map(container);
    await Promise.allSettled(containers.map((name) => docker(['rm', '-f', '-v', name])));
    await docker(['network', 'rm', project]);
  });

  /** On a connection of its own: one that is kept may be closed by a reload of nginx just as it is used again. */
  function request(pathname: string, options: RequestInit = {}): Promise<Response> {
    return fetch(url + pathname, { ...options, headers: { ...options.headers, connection: 'close' } });
  }

  async function start(name: string): Promise<void> {
    await docker([
      ...['run', '-d', '--name', container(name), ...labels, '--network', project, '--network-alias', name],
      ...['-e', `NAME=${name}`, process.env['NODE_IMAGE'] ?? 'node:24', 'node', '-e', upstream],
    ]);
  }

  /** How often each application answered `count` requests. */
  async function answers(count: number): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    for (let index = 0; index < count; index += 1) {
      const answer = await request('/who');
      if (answer.status !== 200) throw new Error(`${answer.status}`);
      const name = await answer.text();
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  }

  /** What the applications together have received for a path. */
  async function received(pathname: string): Promise<readonly string[]> {
    const logs = await Promise.all(
      names.map(async (name) => (await docker(['logs', container(name)])).stdout),
    );
    return logs.flatMap((log) => log.split('\n')).filter((line) => line.endsWith(` ${pathname}`));
  }

  interface AccessLine {
    readonly uri: string;
    readonly status: number;
    readonly [field: string]: unknown;
  }

  async function accessLine(uri: string): Promise<AccessLine> {
    return until(`the access log line of ${uri}`, async () => {
      const { stdout } = await docker(['logs', container('nginx')]);
      const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
      return lines.map((line): AccessLine => JSON.parse(line)).find((line) => line.uri === uri);
    });
  }

  it('keeps the instances’ metrics inside the stack', async () => {
    expect((await request('/metrics')).status).toBe(404);
    expect((await request('/metrics/of-the-application')).status).toBe(200);
  });

  it('answers its own health check', async () => {
    const answer = await request('/nginx-health');
    expect([answer.status, await answer.text()]).toEqual([200, 'ok\n']);
  });

  it('spreads requests evenly', async () => {
    const counts = await answers(30);
    expect(counts.size).toBe(3);
    for (const count of counts.values()) expect(count).toBeGreaterThanOrEqual(8);
  });

  it('writes one JSON object a request, with times of the upstream and without the query', async () => {
    await request('/logged?q=private');
    expect(await accessLine('/logged')).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      method: 'GET',
      uri: '/logged',
      status: 200,
      bytes: 4,
      requestTimeS: expect.any(Number),
      requestId: expect.stringMatching(/^[0-9a-f]{32}$/),
      upstream: expect.stringMatching(/^[\d.]+:3000$/),
      upstreamStatus: '200',
      upstreamConnectTimeS: expect.stringMatching(/^\d+\.\d+$/),
      upstreamHeaderTimeS: expect.stringMatching(/^\d+\.\d+$/),
      upstreamTimeS: expect.stringMatching(/^\d+\.\d+$/),
    });
  });

  it('repeats a GET that an application broke off', async () => {
    // Round robin: of three requests one meets app1.
    for (let index = 0; index < 3; index += 1) {
      const answer = await request(`/get-${index}`, { headers: { 'x-break': 'app1' } });
      expect(answer.status).toBe(200);
      expect(await answer.text()).not.toBe('app1');
    }
    await until('more requests at the applications than were made', async () => {
      const seen = await Promise.all([0, 1, 2].map((index) => received(`/get-${index}`)));
      return seen.flat().length > 3;
    });
  });

  it('never repeats a POST that an application has received', async () => {
    // An application that broke off is left alone for 2 s.
    await until('app1 to be tried again', async () => (await answers(6)).has('app1'));
    const statuses: number[] = [];
    for (let index = 0; index < 3; index += 1) {
      const post = { method: 'POST', body: 'once', headers: { 'x-break': 'app1' } };
      statuses.push((await request(`/post-${index}`, post)).status);
    }
    expect(statuses.sort()).toEqual([200, 200, 502]);
    for (let index = 0; index < 3; index += 1) {
      await until(`post ${index} in a log`, async () => (await received(`/post-${index}`)).length > 0);
    }
    // The last line of all: whatever was sent again has been logged before it.
    await answers(3);
    await until('the log to be written', async () => (await received('/who')).length > 0);
    for (let index = 0; index < 3; index += 1)
      expect(await received(`/post-${index}`)).toEqual([`POST /post-${index}`]);
  });

  it('goes on without a killed application, and uses it again under another address', async () => {
    await docker(['rm', '-f', container('app2')]);
    for (let index = 0; index < 20; index += 1) expect((await request('/while-away')).status).toBe(200);
    // Takes the address that app2 had.
    await docker([
      ...['run', '-d', '--name', container('other'), ...labels, '--network', project],
      ...[process.env['NODE_IMAGE'] ?? 'node:24', 'sleep', '600'],
    ]);
    try {
      await start('app2');
      await until('app2 to be used again', async () => (await answers(6)).has('app2'));
    } finally {
      await docker(['rm', '-f', container('other')]);
    }
  });
});
