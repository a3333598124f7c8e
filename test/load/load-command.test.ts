import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadCommand } from '../../bench/commands/load.ts';
import type { LoadSummary } from '../../bench/commands/load-summary.ts';
import { UsageError } from '../../bench/model.ts';
import { serveHttp } from './target-server.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'load-command-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('prints quantiles, outcomes and nothing else to worry about; writes JSON', async () => {
  await using server = await serveHttp((_request, response) => response.end('ok'));
  const json = join(folder, 'result.json');
  const { code, text } = await load(
    `${server.url}/hello?q={x}`,
    ...['--rate', '100', '--duration', '1.5', '--arrivals', 'uniform', '--json', json],
  );
  expect(text).toContain(`${server.url}/hello?q={x}: 100 requests/s, uniform arrivals, seed 1, 1.5 s\n`);
  expect(text).toMatch(/^ms {2,}P50 +P95 +P99 +max$/m);
  for (const name of ['service time', 'response time', 'schedule lag']) {
    expect(text).toMatch(new RegExp(`^${name}( +\\d+\\.\\d\\d){4}$`, 'm'));
  }
  expect(text).toMatch(/^ok +150$/m);
  expect(text).not.toMatch(/^(http-error|timeout|connection-error|unsent|in-flight)/m);
  const written = JSON.parse(await readFile(json, 'utf8')) as LoadSummary;
  // On a crowded machine the generator may rightly say that its own delays spoiled the measurement.
  expect(code).toBe(written.validity.ok ? 0 : 3);
  expect(written).toMatchObject({
    offeredRateHz: 100,
    achievedRateHz: expect.closeTo(100, -2),
    outcomes: { ok: 150, timeout: 0, unsent: 0 },
    serviceTime: { count: 150 },
    responseTime: { count: 150 },
    scheduleLag: { count: 150 },
  });
});

test('sends method, headers and body as given', async () => {
  const seen: unknown[] = [];
  await using server = await serveHttp(async (request, response) => {
    const chunks = await request.toArray();
    seen.push([
      request.method,
      request.url,
      request.headers['x-a'],
      request.headers['content-type'],
      String(Buffer.concat(chunks)),
    ]);
    response.end();
  });
  const once = ['--rate', '4', '--duration', '0.3', '--arrivals', 'uniform'];
  await load(`${server.url}/p`, ...once, '--body', '{"a": ["{b}"]}', '--header', 'X-A: b: c');
  await load(
    `${server.url}/p`,
    ...once,
    '--method',
    'put',
    '--body',
    'a=1',
    '--header',
    'content-type: text/plain',
  );
  await load(`${server.url}/p`, ...once, '--method', 'HEAD');
  expect(seen).toEqual([
    ['POST', '/p', 'b: c', 'application/json', '{"a":["{b}"]}'],
    ['PUT', '/p', undefined, 'text/plain', 'a=1'],
    ['HEAD', '/p', undefined, undefined, ''],
  ]);
});

test('closed loop: no schedule, no schedule lag', async () => {
  await using server = await serveHttp((_request, response) => {
    setTimeout(() => response.end('ok'), 5);
  });
  const { text } = await load(server.url, '--closed', '--connections', '4', '--duration', '1');
  expect(text).toContain('4 connections, closed loop');
  expect(text).toMatch(/^service time/m);
  expect(text).not.toMatch(/^response time|^schedule lag|offered/m);
});

test('an unreachable server: the outcomes say so, and the exit code is 3', async () => {
  const { code, text } = await load(
    'http://127.0.0.1:1',
    '--rate',
    '50',
    '--duration',
    '1',
    '--arrivals',
    'uniform',
  );
  expect(code).toBe(3);
  expect(text).toMatch(/^connection-error +50$/m);
  expect(text).toMatch(/^invalid: no request got an answer/m);
});

test('errors are shown with their statuses', async () => {
  await using server = await serveHttp((_request, response) => {
    response.statusCode = 503;
    response.end();
  });
  const { code, text } = await load(server.url, '--rate', '50', '--duration', '1', '--arrivals', 'uniform');
  expect(text).toMatch(/^http-error +50 {2}50 x 503$/m);
  expect(code).toBe(3);
});

describe('a wrong flag is named with its value', () => {
  test.each([
    [['http://h', '--rate', '0'], '--rate 0:'],
    [['http://h', '--rate', 'fast'], '--rate fast:'],
    [['http://h', '--duration', '-1'], '--duration -1:'],
    [['http://h', '--connections', '1.5'], '--connections 1.5:'],
    [['http://h', '--timeout', '0'], '--timeout 0:'],
    [['http://h', '--seed', '-3'], '--seed -3:'],
    [['http://h', '--arrivals', 'bursty'], '--arrivals bursty:'],
    [['http://h', '--method', 'FETCH'], '--method FETCH:'],
    [['http://h', '--header', 'nonsense'], '--header nonsense:'],
    [['http://h', '--body', '{'], '--body {:'],
    [['ftp://h/x'], '<url> ftp://h/x:'],
    [['h:3000'], '<url> h:3000:'],
    [['http://me:secret@h/'], '<url>: holds a user name'],
  ])('%j', async (args, message) => {
    const refused = load(...args);
    await expect(refused).rejects.toThrow(UsageError);
    await expect(refused).rejects.toThrow(message);
  });
});

async function load(...args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  let text = '';
  let code = -1;
  const command = loadCommand({
    write: (part) => {
      text += part;
    },
    signal: new AbortController().signal,
    exit: (value) => {
      code = value;
    },
  });
  const program = new Command('replibench').exitOverride().addCommand(command.exitOverride());
  await program.parseAsync(['load', ...args], { from: 'user' });
  return { code, text };
}
