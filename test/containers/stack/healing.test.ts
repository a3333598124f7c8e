/** The PostgreSQL nodes alone: what they survive by themselves, and what they refuse. */
import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { docker } from '../../../bench/topology/docker/engine.ts';
import { type ComposeStack, composeStack, envText, type NodeName } from '../support/compose.ts';
import { describeWithEngine } from '../support/engine.ts';
import { until } from '../support/until.ts';
import { type AcknowledgedWriter, startWriter } from '../support/writer.ts';

// Several starts of a whole stack in one test, on a machine that may be busy.
vi.setConfig({ testTimeout: 400_000 });

const services = ['postgres-primary', 'postgres-replica1', 'postgres-replica2'];

describeWithEngine('the PostgreSQL nodes of the stack', () => {
  let stack: ComposeStack;
  let leader: NodeName = 'primary';

  beforeAll(async () => {
    stack = await composeStack();
    await stack.up(...services);
  });
  afterAll(() => stack?.[Symbol.asyncDispose]());

  const others = (): readonly NodeName[] =>
    (['primary', 'replica1', 'replica2'] as const).filter((name) => name !== leader);

  /** Waits until both other nodes stream from the leader. */
  async function streaming(): Promise<void> {
    await until(`${others()} to stream from ${leader}`, async () => {
      const rows = await stack.query<{ name: string }>(
        leader,
        `SELECT application_name AS name FROM pg_stat_replication WHERE state = 'streaming' ORDER BY 1`,
      );
      return rows.map(({ name }) => name).join() === others().join();
    });
  }

  /** Every acknowledged row is on every node. */
  async function nothingLost(writer: AcknowledgedWriter): Promise<void> {
    await streaming();
    const expected = [...writer.acknowledged()];
    expect(expected.length).toBeGreaterThan(0);
    for (const node of [leader, ...others()]) {
      await until(`the last row on ${node}`, async () => {
        const sql = `SELECT number FROM acknowledged WHERE number = ${expected.at(-1)}`;
        return (await stack.query(node, sql)).length === 1;
      });
      const rows = await stack.query<{ number: string }>(node, 'SELECT number FROM acknowledged');
      const present = new Set(rows.map(({ number }) => Number(number)));
      expect(expected.filter((number) => !present.has(number))).toEqual([]);
    }
  }

  const volume = (service: string): string => `${stack.project}_${service}-data`;

  /** Runs a shell script on a service's data volume, while its container is stopped. */
  async function onVolume(service: string, script: string): Promise<void> {
    const mount = `${volume(service)}:/var/lib/postgresql/data`;
    const image = await stack.inspect(service, '{{.Config.Image}}');
    const shell = ['--user', 'postgres', '--entrypoint', 'bash', image, '-ec', script];
    await docker(['run', '--rm', '-v', mount, '-w', '/var/lib/postgresql/data', ...shell]);
  }

  /** Starts a service whose coming up is not expected, and waits for what it logs from now on. */
  async function startAndHear(service: string, words: RegExp): Promise<void> {
    const since = String(Math.floor(Date.now() / 1000) - 1);
    await stack.compose('up', '-d', '--no-deps', service);
    await until(`${service} to say ${words}`, async () => {
      const { stdout, stderr } = await docker(['logs', '--since', since, await stack.container(service)]);
      return words.test(stdout + stderr);
    });
  }

  async function removeData(service: string): Promise<void> {
    await stack.compose('rm', '-fsv', service);
    await docker(['volume', 'rm', volume(service)]);
  }

  describe('with rows being written', () => {
    let writer: AcknowledgedWriter;

    beforeAll(async () => {
      writer = await startWriter(() => ({
        port: Number(stack.variables['PRIMARY_PORT']),
        password: stack.variables['POSTGRES_PASSWORD'] ?? '',
      }));
      await writer.progress(5);
    });
    afterAll(() => writer?.[Symbol.asyncDispose]());

    it('heal after a replica was killed and started again', async () => {
      await stack.compose('kill', 'postgres-replica1');
      await writer.progress(20);
      await stack.up(...services);
      await nothingLost(writer);
    });

    it('heal by themselves after the primary crashed', async () => {
      const before = await stack.inspect('postgres-primary', '{{.State.StartedAt}}');
      // An immediate shutdown: no checkpoint, recovery at the next start, which the restart policy makes.
      await stack.exec('postgres-primary', 'bash', '-c', 'kill -QUIT $(head -n 1 "$PGDATA/postmaster.pid")');
      await until('a new start of the primary', async () => {
        return (await stack.inspect('postgres-primary', '{{.State.StartedAt}}')) !== before;
      });
      await writer.progress(20);
      await nothingLost(writer);
    });

    it('heal after the primary was restarted', async () => {
      await stack.compose('restart', 'postgres-primary');
      await writer.progress(20);
      await nothingLost(writer);
    });

    it('heal after all were restarted', async () => {
      await stack.compose('restart', ...services);
      await writer.progress(20);
      await nothingLost(writer);
    });

    it('heal after a replica lost its network for a minute', async () => {
      const network = `${stack.project}_database`;
      const container = await stack.container('postgres-replica2');
      await docker(['network', 'disconnect', network, container]);
      const minute = delay(60_000);
      await until('the primary to give the connection up', async () => {
        const sql = `SELECT 1 FROM pg_stat_replication WHERE application_name = 'replica2'`;
        return (await stack.query('primary', sql)).length === 0;
      });
      await minute;
      await docker(['network', 'connect', '--alias', 'postgres-replica2', network, container]);
      await writer.progress(20);
      await nothingLost(writer);
    });
  });

  it('start an interrupted base backup over', async () => {
    await removeData('postgres-replica2');
    await writeFile(stack.envFile, envText({ ...stack.variables, BASE_BACKUP_MAX_RATE: '512k' }));
    await startAndHear('postgres-replica2', /copying primary/);
    await until('a part of the copy', async () => {
      const listing = await stack.exec('postgres-replica2', 'ls', '/var/lib/postgresql/data/pgdata');
      return listing.includes('base') && !listing.includes('standby.signal');
    });
    await stack.compose('kill', 'postgres-replica2');

    await writeFile(stack.envFile, envText(stack.variables));
    await startAndHear('postgres-replica2', /interrupted before: base backup; starting over/);
    await streaming();
  });

  it("refuse another cluster's data, and copy anew when it is removed", async () => {
    await stack.compose('stop', 'postgres-replica2');
    await onVolume(
      'postgres-replica2',
      'rm -rf pgdata && initdb -D pgdata >/dev/null && touch pgdata/standby.signal',
    );
    await startAndHear(
      'postgres-replica2',
      /REFUSED to start: this node's data is of cluster \d+, this stack is cluster \d+.*remove the volume/,
    );
    await removeData('postgres-replica2');
    await stack.up(...services);
    await streaming();
  });

  it('make no second cluster of an emptied first primary', async () => {
    await stack.compose('stop', 'postgres-primary');
    await onVolume('postgres-primary', 'mv pgdata aside');
    await startAndHear('postgres-primary', /cluster \d+ exists, so no second one is made/);
    await stack.compose('stop', '-t', '1', 'postgres-primary');
    await onVolume('postgres-primary', 'rm -rf pgdata && mv aside pgdata');
    await stack.up(...services);
    await streaming();
  });

  it('refuse to be a second primary after a promotion, and follow the promoted one with a new copy', async () => {
    await stack.query('primary', 'CREATE TABLE before_promotion AS SELECT 1 AS one');
    await streaming();
    await stack.compose('stop', 'postgres-primary');
    await stack.query('replica1', 'SELECT pg_promote()');
    leader = 'replica1';
    await stack.query('replica1', 'INSERT INTO before_promotion VALUES (2)');

    await startAndHear(
      'postgres-primary',
      /REFUSED to start: this node was a primary .*replica1 was promoted/,
    );
    // The other standby finds the new leader when it starts.
    await stack.compose('restart', 'postgres-replica2');
    await removeData('postgres-primary');
    await stack.up(...services);
    await streaming();
    for (const node of ['primary', 'replica2'] as const) {
      const rows = await until(`both rows on ${node}`, async () => {
        const found = await stack.query<{ one: number }>(node, 'SELECT one FROM before_promotion ORDER BY 1');
        return found.length === 2 && found;
      });
      expect(rows).toEqual([{ one: 1 }, { one: 2 }]);
      await expect(stack.query(node, 'CREATE TABLE x ()')).rejects.toMatchObject({ code: '25006' });
    }
  });

  it('keep their roles when all start at once after the promotion', async () => {
    await stack.compose('stop', ...services);
    await stack.up(...services);
    await streaming();
    await expect(stack.query('primary', 'CREATE TABLE x ()')).rejects.toMatchObject({ code: '25006' });
  });
});
