import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { type Generator, startGenerator } from '../../bench/load/generator.ts';
import { EnvironmentError, type LoadProgress, UsageError } from '../../bench/model.ts';
import { closedStream, openStream, outcomes, plan, totals } from './plans.ts';
import { serveHttp } from './target-server.ts';

const never = new AbortController().signal;

test('one process runs many plans, one after another, and reports progress', async () => {
  await using server = await serveHttp((_request, response) => response.end());
  await using generator = await startGenerator({ signal: never });
  const progress: LoadProgress[] = [];
  for (const streams of [[openStream(50, 2500)], [closedStream(2, 300)], [openStream(50, 500)]]) {
    const result = await generator.run(plan(server.url, { streams }), {
      onProgress: (each) => progress.push(each),
      signal: never,
    });
    expect(totals(result).outcomes.ok).toBeGreaterThan(0);
    expect(result.generator.cpuMs).toBeGreaterThan(0);
    expect(result.generator.rssBytes).toBeLessThan(200e6);
  }
  expect(progress.length).toBeGreaterThanOrEqual(2);
  const [first, second] = progress;
  expect(second?.due).toBeGreaterThan((first?.due ?? 0) + 40);
  expect(second).toMatchObject({ waiting: 0, interval: { write: { count: 0, p95Ms: null } } });
  // The interval starts anew each second: it never holds more than has completed since.
  expect(second?.interval.read.count).toBe((second?.completed ?? 0) - (first?.completed ?? 0));
  expect(second?.interval.read.p95Ms).toBeGreaterThan(0);
});

test('a run of less than a second says once how it went', async () => {
  await using server = await serveHttp((_request, response) => response.end());
  await using generator = await startGenerator({ signal: never });
  const progress: LoadProgress[] = [];
  await generator.run(plan(server.url, { streams: [openStream(100, 300)] }), {
    onProgress: (each) => progress.push(each),
    signal: never,
  });
  expect(progress).toHaveLength(1);
  expect(progress[0]?.due).toBe(30);
  expect(progress[0]?.interval.read.count).toBeGreaterThan(0);
});

test.each(['open', 'closed'] as const)(
  'an aborted %s run rejects with the reason and closes its connections',
  async (kind) => {
    const abort = new AbortController();
    const reason = new Error('enough');
    await using server = await serveHttp((_request, response) => {
      setTimeout(() => response.end(), 5);
      setTimeout(() => abort.abort(reason), 50);
    });
    await using generator = await startGenerator({ signal: never });
    const streams = [kind === 'open' ? openStream(100, 60_000, { maxInFlight: 1 }) : closedStream(1, 60_000)];
    await expect(generator.run(plan(server.url, { streams }), { signal: abort.signal })).rejects.toBe(reason);
    await expect.poll(() => server.open()).toBe(0);
    // And it is ready for the next plan.
    const after = plan(server.url, { streams: [openStream(100, 300)] });
    expect(totals(await generator.run(after, { signal: never })).outcomes).toEqual(outcomes({ ok: 30 }));
  },
);

test('a plan that cannot be run is refused with field and value', async () => {
  await using generator = await startGenerator({ signal: never });
  const open = { streams: [openStream(1, 1)] };
  for (const [url, part, message] of [
    ['http://h', { streams: [openStream(-5, 1000)] }, /streams\[0\]\.segments\[0\]\.fromHz cannot be -5/],
    ['http://h', { streams: [closedStream(0, 1000)] }, /streams\[0\]\.connections cannot be 0/],
    ['http://h', { streams: [] }, /streams cannot be 0/],
    ['http://h', { ...open, timeoutMs: 0 }, /timeoutMs cannot be 0/],
    ['http://h', { ...open, keys: {} }, /operation "get": its path has \{serial\}/],
    ['ftp://h', open, /"ftp:\/\/h" is neither an http nor an https URL/],
  ] as const) {
    const refused = generator.run(plan(url, part), { signal: never });
    await expect(refused).rejects.toThrow(UsageError);
    await expect(refused).rejects.toThrow(message);
  }
});

test('a backlog of a million requests takes no memory', async () => {
  await using server = await serveHttp(() => undefined);
  await using generator = await startGenerator({ signal: never });
  const streams = [openStream(1_000_000, 1000, { maxInFlight: 1 })];
  const result = await generator.run(plan(server.url, { streams, drainMs: 0 }), { signal: never });
  expect(totals(result)).toMatchObject({
    outcomes: outcomes({ 'in-flight-at-end': 1, unsent: 999_999 }),
    response: { count: 1_000_000 },
  });
  expect(result.generator.rssBytes).toBeLessThan(250e6);
});

test('plans run one at a time', async () => {
  await using server = await serveHttp((_request, response) => response.end());
  await using generator = await startGenerator({ signal: never });
  const one = plan(server.url, { streams: [openStream(50, 200)] });
  const first = generator.run(one, { signal: never });
  await expect(generator.run(one, { signal: never })).rejects.toThrow(/one at a time/);
  expect(totals(await first).outcomes.ok).toBe(10);
});

test('disposing ends the process, and that is no loss', async () => {
  const generator = await startGenerator({ signal: never });
  await generator[Symbol.asyncDispose]();
  expect(isAlive(generator.pid)).toBe(false);
  await expect(Promise.race([generator.lost, Promise.resolve('not lost')])).resolves.toBe('not lost');
});

test('a generator that is killed is lost, and so is its run', async () => {
  await using server = await serveHttp((_request, response) => {
    response.end();
    process.kill(generator.pid, 'SIGKILL');
  });
  await using generator: Generator = await startGenerator({ signal: never });
  const run = generator.run(plan(server.url, { streams: [openStream(20, 60_000)] }), { signal: never });
  await expect(run).rejects.toThrow(EnvironmentError);
  await expect(run).rejects.toThrow(/SIGKILL/);
  expect(await generator.lost).toEqual({ reason: 'killed by SIGKILL' });
});

test('aborting the start signal ends the process', async () => {
  const abort = new AbortController();
  await using server = await serveHttp(() => abort.abort(new Error('over')));
  const generator = await startGenerator({ signal: abort.signal });
  const run = generator.run(plan(server.url, { streams: [openStream(20, 60_000)] }), { signal: never });
  await expect(run).rejects.toThrow(/SIGKILL/);
  expect(isAlive(generator.pid)).toBe(false);
});

test('the generator ends when the harness is killed, in the middle of a run', async () => {
  let sawRequest: () => void = () => undefined;
  const requested = new Promise<void>((resolve) => {
    sawRequest = resolve;
  });
  await using server = await serveHttp((_request, response) => {
    response.end();
    sawRequest();
  });
  const generatorUrl = new URL('../../bench/load/generator.ts', import.meta.url).href;
  const harness = spawn(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `import { startGenerator } from ${JSON.stringify(generatorUrl)};
       const { signal } = new AbortController();
       const generator = await startGenerator({ signal });
       console.log(generator.pid);
       await generator.run(${JSON.stringify(plan(server.url, { streams: [openStream(50, 60_000)] }))}, { signal });`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = (await once(harness.stdout, 'data')) as [Buffer];
  const pid = Number(String(line));
  await requested;
  expect(isAlive(pid)).toBe(true);
  harness.kill('SIGKILL');
  await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
  await expect.poll(() => server.open(), { timeout: 10_000 }).toBe(0);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if (Reflect.get(Object(error), 'code') === 'ESRCH') return false;
    throw error;
  }
}
