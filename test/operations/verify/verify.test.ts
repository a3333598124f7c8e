/** The five tests against a real cluster and application; each is made to fail by what it is there for. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CheckName, CheckResult, VerifyTarget } from '../../../bench/operations/verify/check.ts';
import { verify } from '../../../bench/operations/verify/verify.ts';
import { startCluster, type TestCluster, type TestNode, until } from '../../probes/cluster.ts';
import { runCli } from '../../support/cli.ts';
import { type AppProcess, databaseVariables, loadSmallDataSet, startApp } from '../../support/sample-app.ts';

const stack = new AsyncDisposableStack();
const { signal } = new AbortController();
let cluster: TestCluster;
let app: AppProcess;

beforeAll(async () => {
  cluster = stack.use(await startCluster({ replicas: 2 }));
  await loadSmallDataSet(cluster.primary.address);
  await cluster.caughtUp();
  app = stack.use(await startApp(variables(cluster.replicas)));
});
afterAll(() => stack.disposeAsync());

function variables(replicas: readonly TestNode[]): Readonly<Record<string, string>> {
  return databaseVariables(
    cluster.primary.address,
    replicas.map(({ address }) => address),
  );
}

function target(changes: Partial<VerifyTarget> = {}): VerifyTarget {
  return {
    primary: cluster.primary.address,
    replicas: cluster.replicas.map(({ address }) => ({ name: address.name, address, problem: null })),
    application: { url: app.url, readPath: '/users/{n}' },
    applicationProblem: null,
    nodeOfHeader: (header) => header,
    mayWrite: true,
    doctor: 'replibench doctor',
    ...changes,
  };
}

async function outcomes(changes: Partial<VerifyTarget> = {}) {
  const results = await verify({ target: target(changes), signal });
  const by = (name: CheckName) => results.find((result) => result.name === name) as CheckResult;
  return {
    by,
    failed: results.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name),
    results,
  };
}

test('a healthy cluster passes all five, and nothing of the test stays', async () => {
  const { results, by } = await outcomes();
  expect(
    results.map(({ outcome }) => outcome),
    JSON.stringify(results),
  ).toEqual(Array(5).fill('ok'));
  expect(by('streaming').evidence).toBe('replica1 streaming (async) · replica2 streaming (async)');
  expect(by('write-read').evidence).toMatch(/on replica1 after [\d.]+ m?s · on replica2 after [\d.]+ m?s/);
  expect(by('read-only').evidence).toContain('replica1 refuses writes (SQLSTATE 25006)');
  expect(by('read-spread').evidence).toMatch(/reads: replica1 [\d.]+ % · replica2 [\d.]+ %$/);
  const left = await cluster.primary.query(`SELECT FROM pg_namespace WHERE nspname LIKE 'replibench%'`);
  expect(left).toEqual([]);
});

test('replay that stands still: lag is high and the row does not arrive', async () => {
  const [, replica] = cluster.replicas as [TestNode, TestNode];
  await replica.query('SELECT pg_wal_replay_pause()');
  try {
    await cluster.primary.query(
      'CREATE TABLE ballast AS SELECT repeat(i::text, 400) FROM generate_series(1, 3000) i',
    );
    const { by, failed } = await outcomes();
    expect(failed).toEqual(['lag', 'write-read']);
    expect(by('lag').evidence).toMatch(
      /^replica1 .* behind · replica2 [\d.]+ MB, more than \d\.\d s behind$/,
    );
    expect(by('lag').advice).toContain('replibench doctor tells why');
    expect(by('write-read').evidence).toContain('not on replica2: not within 5.0 s');
  } finally {
    await replica.query('SELECT pg_wal_replay_resume()');
    await cluster.primary.query('DROP TABLE ballast');
  }
});

test('an application in single host mode does not spread its reads', async () => {
  await using single = await startApp(variables([]));
  const { by, failed } = await outcomes({ application: { url: single.url, readPath: '/users/{n}' } });
  expect(failed).toEqual(['read-spread']);
  expect(by('read-spread').evidence).toContain('primary 100.0 %');
});

test('servers of somebody else: nothing is written unless that is allowed, and no password is printed', async () => {
  const urlOf = ({ address }: TestNode) =>
    `postgres://${address.user}:${address.password}@${address.host}:${address.port}/${address.database}`;
  const env = {
    REPLIBENCH_PRIMARY_URL: urlOf(cluster.primary),
    REPLIBENCH_REPLICA_URLS: cluster.replicas.map(urlOf).join(' '),
    REPLIBENCH_REPLICATED_URL: app.url,
  };
  const careful = await runCli(['verify', '--topology', 'external'], { env });
  expect(careful.output.match(/^ok /gm), careful.output).toHaveLength(4);
  expect(careful.output).toMatch(/^skipped +write-read .*\n +→ allow it with --allow-writes$/m);
  expect(careful.code).toBe(4);
  const allowed = await runCli(['verify', '--topology', 'external', '--allow-writes'], { env });
  expect(allowed.output.match(/^ok /gm), allowed.output).toHaveLength(5);
  expect(allowed.code).toBe(0);
  expect(careful.output + allowed.output).not.toContain(cluster.primary.address.password);
});

test('a stopped replica and one that was promoted: not streaming, not read-only', async () => {
  const [first, second] = cluster.replicas as [TestNode, TestNode];
  await second.query('SELECT pg_promote()');
  await first.kill();
  await until(async () => (await cluster.primary.query('SELECT FROM pg_stat_replication')).length === 0);
  const { by, failed } = await outcomes();
  expect(failed).toEqual(expect.arrayContaining(['streaming', 'lag', 'write-read', 'read-only']));
  expect(by('streaming').evidence).toMatch(
    /^replica1 does not answer: .*ECONNREFUSED.* · replica2 is no replica/,
  );
  expect(by('read-only').evidence).toContain('replica2 accepts writes');
  expect(JSON.stringify(failed)).not.toContain(cluster.primary.address.password);
  expect(await second.query(`SELECT FROM pg_class WHERE relname = 'replibench_refused'`)).toEqual([]);
});

test('without a primary nothing but the refusal of writes can be right', async () => {
  const { by } = await outcomes({ primary: null });
  expect(by('streaming').evidence).toBe('no node is primary');
  expect(by('lag').outcome).toBe('failed');
});
