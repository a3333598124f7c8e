import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ProbeEvents, type ProbeSample, startProbe } from '../../../src/db/routing/probe.ts';
import { type PostgresNode, type ReplicatedPostgres, startReplicated } from '../../support/postgres.ts';

let servers: ReplicatedPostgres;
let replica: PostgresNode;
beforeAll(async () => {
  servers = await startReplicated(1);
  const [first] = servers.replicas;
  if (first === undefined) throw new Error('expected a replica');
  replica = first;
});
afterAll(() => servers[Symbol.asyncDispose]());

async function ask(node: PostgresNode): Promise<ProbeSample> {
  const { host, port, database, user, password } = node;
  const events: ProbeEvents = { sampled: () => undefined, failed: () => undefined, silent: () => undefined };
  const probe = startProbe(
    {
      connection: async () => ({ host, port, database, user, password }),
      intervalMs: () => 600_000,
      silenceMs: 30_000,
      heardMs: () => Number.NEGATIVE_INFINITY,
      restMs: () => 0,
      clock: () => performance.now(),
    },
    events,
  );
  try {
    return await probe.fresh();
  } finally {
    await probe.close();
  }
}

test('a server that was promoted under load tells its timeline, though its control file has the old one', async () => {
  // What the checkpoint after the promotion has to write, and takes its time for.
  await servers.primary.query(
    'CREATE TABLE filler AS SELECT n, repeat(md5(n::text), 20) AS text FROM generate_series(1, 30000) AS n',
  );
  await servers.caughtUp();
  expect(await ask(servers.primary)).toMatchObject({ isPrimary: true, timeline: 1 });
  expect(await ask(replica)).toMatchObject({ isPrimary: false, timeline: 1 });
  await replica.query('SELECT pg_promote(true, 60)');
  const sample = await ask(replica);
  expect(await replica.query('SELECT timeline_id FROM pg_control_checkpoint()')).toEqual([
    { timeline_id: 1 },
  ]);
  expect(sample).toMatchObject({ isPrimary: true, timeline: 2 });
});
