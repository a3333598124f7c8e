/**
 * A harness in a process of its own, for tests that kill it or run it as another user. Prints one
 * JSON line an event; ends in order when its stdin ends.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { createEmbeddedTopology } from '../../../bench/topology/embedded/embedded.ts';
import { startGuardian } from '../../../bench/topology/guardian.ts';

export interface HarnessOptions {
  readonly runId: string;
  readonly replicas: number;
  readonly parentDir?: string;
}

const { runId, replicas, ...rest } = JSON.parse(process.argv[2] ?? '{}') as HarnessOptions;
const say = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`);
const { signal } = new AbortController();

await using guardian = await startGuardian({ runId });
say({ name: 'guardian', pid: guardian.pid });
await using topology = await createEmbeddedTopology({
  ...rest,
  guardian,
  maxReplicas: replicas,
  nodeCpus: 'auto',
  limits: 'auto',
  signal,
  onStep: say,
  prepare: async (primary) => {
    const client = new pg.Client({ ...primary });
    await client.connect();
    await client.query('CREATE TABLE note AS SELECT i AS id FROM generate_series(1, 20000) AS i');
    await client.end();
  },
});
await using running = await topology.start({ replicas }, signal);
const [primary, replica] = running.nodes;
const client = new pg.Client({ ...primary?.address });
await client.connect();
await client.query('INSERT INTO note VALUES (0)');
await client.end();
await running.waitUntilCaughtUp(10_000, signal);
const [replicaPid] = readFileSync(
  join(topology.dataDir, 'cluster1', replica?.address.name ?? '', 'postmaster.pid'),
  'utf8',
).split('\n');
say({ name: 'running', uid: process.getuid?.(), limitMethod: topology.limitMethod, replica: replicaPid });
process.stdin.resume();
await once(process.stdin, 'end');
