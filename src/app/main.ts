/**
 * Starts the sample application: `node src/app/main.ts`.
 * Reads HOST, PORT, APP_NAME, the DB_* variables of src/db/configuration.ts, DB_WAIT_MS (how long to wait
 * for the primary) and DB_PREPARE=if-empty (load schema and data of size DATA_* into an empty database),
 * the CACHE variables of src/cache/configuration.ts and INJECT of src/app/injection/configuration.ts; stops on
 * SIGTERM or SIGINT.
 */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { type CacheConfiguration, readCacheConfiguration, readRedisUrl } from '../cache/configuration.ts';
import { createReadCache, type ReadCache } from '../cache/read-cache.ts';
import { awaitPrimary, mayBePrimary, UnreachableError } from '../db/await-primary.ts';
import type { DatabaseConfiguration } from '../db/configuration.ts';
import { openDatabase } from '../db/connection.ts';
import type { DataSetSize } from '../db/data-set.ts';
import { readDataSetSize } from '../db/data-set-size.ts';
import { prepareIfEmpty } from '../db/prepare-if-empty.ts';
import { askEveryNode, describeProblem } from '../db/reachability.ts';
import { ConfigurationError, parseEnvironment } from '../environment.ts';
import { createApplication } from './application.ts';
import { readInjection } from './injection/configuration.ts';
import { injectIntoDatabase, replaceableParts } from './injection/inject.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { startServer } from './server.ts';
import type { SharedSessions } from './sessions.ts';

const variables = z.object({
  HOST: z.string().min(1, 'is empty').default('127.0.0.1'),
  PORT: z.coerce
    .number('is not a port')
    .int('is not a port')
    .min(1, 'is not a port')
    .max(65_535, 'is not a port')
    .default(3_000),
  DB_PREPARE: z.literal(['', 'if-empty'], 'is not if-empty').default(''),
});

const stopDeadlineMs = 10_000;
const reportEveryMs = 10_000;

try {
  await run();
  // Not left to the event loop: a connection to a server that hangs would keep the process alive.
  process.exit(0);
} catch (error) {
  console.error(`[App] ${explain(error)}`);
  process.exit(1);
}

async function run(): Promise<void> {
  const stop = new AbortController();
  // Once each: a second signal ends the process at once, as everywhere.
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort());

  const values = parseEnvironment(variables, process.env);
  const cacheConfiguration = readCacheConfiguration(process.env);
  const injection = readInjection(process.env);
  const stopped = once(stop.signal, 'abort');
  // Waiting can take minutes, and a stop need not: whoever is waited for notices that we are gone.
  const reached = await Promise.race([reachDatabase(values.DB_PREPARE), stopped.then(() => null)]);
  if (reached === null) return;
  const configuration = await injectIntoDatabase(injection, reached, (line) =>
    console.warn(`[App] ! ${line}`),
  );

  if (cacheConfiguration !== null && configuration.sessions !== null) {
    throw new ConfigurationError(
      'CACHE and DB_SESSIONS are both set: an answer from the cache may be older than its reader’s own write',
    );
  }

  const metrics = createMetrics((line) => console.warn(`[Database:${configuration.instance}] ${line}`));
  await using database = openDatabase(configuration, metrics.observer);
  const cache = cacheConfiguration === null ? null : await openCache(cacheConfiguration, metrics);
  const report = (line: string): void => console.error(`[App] ${line}`);
  const shared = configuration.sessions?.carrier === 'redis' ? await openSharedSessions(report) : null;
  const application = createApplication(
    ...([database, cache, metrics, report, replaceableParts(injection), shared] as const),
  );
  const server = await startServer(application, { host: values.HOST, port: values.PORT });
  console.log(`[App] listening on ${server.url}`);

  await stopped;
  console.log('[App] stopping');
  const cut = await server.stop(stopDeadlineMs);
  if (cut > 0) throw new Error(`${cut} requests were cut off after ${stopDeadlineMs} ms`);
}

/** A database that can be used: the primary answers, and holds the data set if `prepare` asks for it. */
async function reachDatabase(prepare: '' | 'if-empty'): Promise<DatabaseConfiguration> {
  const size = prepare === '' ? null : readDataSetSize(process.env);
  let announced = false;
  return awaitPrimary(
    process.env,
    (line) => console.log(`[App] ${line}`),
    async (configuration) => {
      if (!announced) announce(configuration);
      announced = true;
      await checkNodes(configuration);
      if (size !== null) await fill(configuration, size);
    },
  );
}

async function fill(configuration: DatabaseConfiguration, size: DataSetSize): Promise<void> {
  const report = (line: string): void => console.log(`[Database:${configuration.instance}] ${line}`);
  const made = await prepareIfEmpty(configuration, size, {
    clock: () => performance.now(),
    report: ({ name, durationMs }) => report(`${name}: ${Math.round(durationMs)} ms`),
  });
  report(made ? 'schema and data made' : 'schema and data are there already');
}

/** Not closed: it holds nothing that the end of the process could lose. */
async function openCache(configuration: CacheConfiguration, metrics: Metrics): Promise<ReadCache> {
  const { url, address, ttlMs, patienceMs } = configuration;
  // Only here: the client is a large module, and most instances have no cache.
  const { openRedisStore } = await import('../cache/redis-store.ts');
  const store = await openRedisStore({ url, keyPrefix: 'contact-centre:' });
  console.log(`[Cache] reads are kept in ${address} for ${ttlMs} ms`);
  return createReadCache(store, {
    ttlMs,
    patienceMs,
    clock: () => performance.now(),
    count: metrics.countCache(),
    reportOutage: (reason) =>
      reason === null
        ? console.log(`[Cache] ${address} answers again`)
        : console.warn(`[Cache] ! ${address}: ${reason}; reads go to the database until it answers`),
  });
}

/** Not closed, for the same reason. */
async function openSharedSessions(report: (line: string) => void): Promise<SharedSessions> {
  const [{ createRedisClient, connectTimeoutMs }, { createRedisSessionStore }] = await Promise.all([
    import('../cache/redis-client.ts'),
    import('../db/routing/index.ts'),
  ]);
  const client = createRedisClient({ url: readRedisUrl(process.env), keyPrefix: '' });
  let lastReportMs = Number.NEGATIVE_INFINITY;
  const onError = (error: unknown): void => {
    if (performance.now() - lastReportMs < reportEveryMs) return;
    lastReportMs = performance.now();
    report(`sessions: ${String(error)}; whoever has one reads from the primary until Redis answers`);
  };
  client.on('error', onError);
  await Promise.race([client.connect().catch(onError), delay(connectTimeoutMs, undefined, { ref: false })]);
  return { store: createRedisSessionStore(client), onError };
}

function announce({ instance, nodes, routing, warning }: DatabaseConfiguration): void {
  const tag = `[Database:${instance}]`;
  const [primary, ...replicas] = nodes;
  if (warning !== null) console.warn(`${tag} ! ${warning}`);
  if (replicas.length === 0) {
    console.log(`${tag} Single host mode (no replication): ${primary.host}:${primary.port}`);
    return;
  }
  console.log(`${tag} ✓ Replication enabled:`);
  console.log(`  - Write: ${primary.host}:${primary.port}`);
  replicas.forEach(({ host, port }, index) => {
    console.log(`  - Read ${index + 1}: ${host}:${port}`);
  });
  if (routing === 'balanced') console.log('  - Routing: balanced');
}

/** Without its primary the application is of no use; a replica may come back, and /readyz says so until then. */
async function checkNodes(configuration: DatabaseConfiguration): Promise<void> {
  const answers = await askEveryNode(configuration);
  const candidates = mayBePrimary(configuration);
  const hasPrimary = answers.some(
    ({ node, problem, inRecovery }) =>
      candidates.includes(node) && problem === null && !(inRecovery && candidates.length > 1),
  );
  for (const problem of answers.filter((answer) => answer.problem !== null)) {
    const sentence = `cannot reach ${describeProblem(problem)}`;
    if (problem.node.name === 'primary' && !hasPrimary) throw new UnreachableError(sentence);
    console.warn(`[Database:${configuration.instance}] ! ${sentence}`);
  }
}

/** One line for what an operator can mend; the stack only for what nobody expected. */
function explain(error: unknown): string {
  if (error instanceof ConfigurationError || error instanceof UnreachableError) return error.message;
  if (!(error instanceof Error)) return String(error);
  if ('syscall' in error && error.syscall === 'listen') {
    const address = `${process.env['HOST'] ?? '127.0.0.1'}:${process.env['PORT'] ?? 3_000}`;
    const inUse = 'code' in error && error.code === 'EADDRINUSE';
    return inUse
      ? `${address} is in use: stop the other program or set PORT to a free port`
      : `cannot listen on ${address}: ${error.message}`;
  }
  return error.stack ?? error.message;
}
