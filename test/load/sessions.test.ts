import { describe, expect, test } from 'vitest';
import { summarizeConsistency } from '../../bench/analysis/consistency-summary.ts';
import { runLoad } from '../../bench/load/run-load.ts';
import { type LoadPlan, type LoadResult, type LoadStream, UsageError } from '../../bench/model.ts';
import { monotonicMs } from '../../bench/monotonic-clock.ts';
import { closedStream, openStream, plan } from './plans.ts';
import { serveHttp } from './target-server.ts';

const never = new AbortController().signal;
const run = (load: LoadPlan): Promise<LoadResult> => runLoad(load, { clock: monotonicMs, signal: never });

/** Users with versions: a PATCH raises it, every answer tells it; the token counts what it was shown. */
async function serveUsers() {
  const versions = new Map<string, number>();
  const seen: {
    readonly method: string;
    readonly user: string;
    readonly token: string;
    readonly cookie: string;
  }[] = [];
  const server = await serveHttp((request, response) => {
    const user = /^\/users\/(\d+)/.exec(request.url ?? '')?.[1] ?? '';
    if (request.method === 'PATCH') versions.set(user, (versions.get(user) ?? 0) + 1);
    const { 'x-token': token = '', cookie = '' } = request.headers;
    seen.push({ method: request.method ?? '', user, token: String(token), cookie });
    response.setHeader('etag', `"${versions.get(user) ?? 0}"`);
    response.setHeader('x-db-node', request.method === 'PATCH' ? 'primary' : 'replica1');
    response.setHeader('x-token', `${token}${request.method?.at(0)}`);
    response.appendHeader('set-cookie', 'a=1; Path=/; HttpOnly');
    response.appendHeader('set-cookie', `b=${seen.length}; Max-Age=9`);
    response.end('{}');
  });
  return { server, seen, url: server.url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

const version = { entity: 'user', header: 'ETag' } as const;

/** Writes a user and reads it back twice, the second time after 20 ms. */
function lookBack(url: string, stream: LoadStream, part: Partial<LoadPlan> = {}): LoadPlan {
  return plan(url, {
    streams: [stream],
    readShare: 0,
    keys: { hot: { kind: 'uniform', min: 1, max: 5 }, any: { kind: 'uniform', min: 100, max: 200 } },
    operations: [
      {
        ...{ name: 'write', class: 'write', weight: 1, method: 'PATCH', path: '/users/{hot}' },
        version: { ...version, key: 'hot' },
        steps: [
          { operation: 'read', keys: { any: 'hot' } },
          { operation: 'read', keys: { any: 'hot' }, afterMs: 20 },
        ],
      },
      {
        ...{ name: 'read', class: 'read', weight: 0, method: 'GET', path: '/users/{any}' },
        version: { ...version, key: 'any' },
      },
    ],
    carry: 'x-token',
    ...part,
  });
}

const writes = (stream: LoadStream): LoadStream => ({ ...stream, classes: ['write'] });

describe.each([
  ['open', writes(openStream(50, 600))],
  ['closed', writes(closedStream(3, 300))],
] as const)('sessions of an %s loop', (_kind, stream) => {
  test('read what they wrote, with the same key and with what they were given to carry', async () => {
    await using users = await serveUsers();
    const { history } = await run(lookBack(users.url, stream));
    if (history === undefined) throw new Error('expected a history');
    const sessions = new Map<number, string[]>();
    history.session.forEach((session, index) => {
      const line = `${history.write[index] === 1 ? 'w' : 'r'} ${history.entities[history.entity[index] ?? -1]}`;
      sessions.set(session, [...(sessions.get(session) ?? []), line]);
    });
    expect(sessions.size).toBeGreaterThan(5);
    const whole = [...sessions.values()].filter((lines) => lines.length === 3);
    expect(whole.length).toBeGreaterThan(sessions.size / 2);
    for (const [first, ...others] of whole) {
      expect(first).toMatch(/^w user [1-5]$/);
      expect(others).toEqual([first?.replace('w', 'r'), first?.replace('w', 'r')]);
    }
    // A session begins with nothing, and then carries what the answer before gave it.
    expect(new Set(users.seen.map(({ method, token }) => `${method} ${token}`))).toEqual(
      new Set(['PATCH ', 'GET P', 'GET PG']),
    );
    expect(new Set(history.nodes)).toEqual(new Set(['primary', 'replica1']));
    expect(history.version.every((value) => value > 0)).toBe(true);
  });

  test('are judged by every read that follows at once: none begins before its write has ended', async () => {
    await using users = await serveUsers();
    const { history, operations } = await run(lookBack(users.url, stream));
    if (history === undefined) throw new Error('expected a history');
    const reads = operations.find(({ name }) => name === 'read')?.outcomes.ok ?? 0;
    expect(reads).toBeGreaterThan(40);
    // Start and length rounded apart would let one write of eight end a microsecond after its read began.
    expect(summarizeConsistency({ history })).toMatchObject({
      reads,
      withoutVersion: 0,
      ownWrites: { checked: reads, violations: 0 },
    });
  });

  test('count the answers that tell no version, and go on', async () => {
    let answers = 0;
    await using server = await serveHttp((request, response) => {
      answers += 1;
      if (request.method === 'PATCH') response.setHeader('etag', '"7"');
      // A version that is no number is none.
      else if (answers % 2 === 0) response.setHeader('etag', '"7-beta"');
      response.end('{}');
    });
    const { history, operations } = await run(lookBack(server.url, stream));
    const okOf = (wanted: string): number => operations.find(({ name }) => name === wanted)?.outcomes.ok ?? 0;
    expect(okOf('read')).toBeGreaterThan(10);
    expect(history?.withoutVersion).toBe(okOf('read'));
    expect(history?.version).toHaveLength(okOf('write'));
  });

  test('keep cookies as a browser does', async () => {
    await using users = await serveUsers();
    await run(lookBack(users.url, stream, { carry: 'set-cookie' }));
    const followed = users.seen.filter(({ method }) => method === 'GET');
    expect(followed.length).toBeGreaterThan(5);
    for (const { cookie } of followed) expect(cookie).toMatch(/^a=1; b=\d+$/);
  });
});

test('steps are due when their time has come, and are measured from then on', async () => {
  await using users = await serveUsers();
  const { history, operations } = await run(lookBack(users.url, writes(openStream(50, 1_000))));
  if (history === undefined) throw new Error('expected a history');
  const byOf = new Map(operations.map((operation) => [operation.name, operation]));
  const sent = byOf.get('write')?.outcomes.ok ?? 0;
  expect(sent).toBe(50);
  // All but the steps of the last moments, which would have been due after the end.
  const reads = byOf.get('read')?.outcomes.ok ?? 0;
  expect(reads).toBeGreaterThan(2 * sent - 10);
  expect(reads).toBeLessThanOrEqual(2 * sent);
  const bySession = new Map<number, number[]>();
  history.session.forEach((session, index) => {
    bySession.set(session, [...(bySession.get(session) ?? []), history.sentUs[index] ?? 0]);
  });
  for (const [, second, third] of [...bySession.values()].filter((times) => times.length === 3)) {
    expect((third ?? 0) - (second ?? 0)).toBeGreaterThanOrEqual(20_000);
  }
});

test('a session whose request failed ends there', async () => {
  await using server = await serveHttp((_request, response) => {
    response.statusCode = 500;
    response.end();
  });
  const { operations, history } = await run(lookBack(server.url, writes(openStream(50, 300))));
  expect(operations.map(({ name }) => name)).toEqual(['write']);
  expect(history?.session).toEqual([]);
});

test('the schedule is the same, whatever steps and answers do', async () => {
  const requests = async (withSteps: boolean): Promise<readonly string[]> => {
    await using users = await serveUsers();
    const load = lookBack(users.url, writes(openStream(100, 400)));
    const operations = load.operations.map(({ steps: _, ...operation }) => operation);
    await run(withSteps ? load : { ...load, operations });
    return users.seen.filter(({ method }) => method === 'PATCH').map(({ user }) => user);
  };
  expect(await requests(true)).toEqual(await requests(false));
});

test('a step that is no operation is refused', async () => {
  const load = lookBack('http://127.0.0.1:1', writes(openStream(1, 100)));
  const operations = load.operations.map((operation) => ({ ...operation, steps: [{ operation: 'reed' }] }));
  await expect(run({ ...load, operations })).rejects.toThrow(UsageError);
  await expect(run({ ...load, operations })).rejects.toThrow('there is no operation "reed"');
});

test('a load without versions has no history, and asks for no header', async () => {
  await using users = await serveUsers();
  const result = await run(plan(users.url, { streams: [openStream(50, 200)] }));
  expect(result).not.toHaveProperty('history');
});
