/** Every problem is really produced, recognised, and mended; those that do not touch each other at once. */
import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { docker } from '../../../bench/topology/docker/engine.ts';
import { type ComposeStack, envText } from '../support/compose.ts';
import { until } from '../support/until.ts';
import { expectFiveOk, problemsIn, run, succeed } from './commands.ts';

export function doctorCases(stack: () => ComposeStack): void {
  test('a stopped replica, paused replay, applications in single host mode', async () => {
    await stack().compose('stop', 'postgres-replica1');
    await stack().query('replica2', 'SELECT pg_wal_replay_pause()');
    const singleHost = { ...stack().variables, DB_REPLICA1_HOST: '', DB_REPLICA2_HOST: '' };
    await writeFile(stack().envFile, envText(singleHost));
    await stack().compose('up', '-d', '--no-deps', 'app2');
    await until('app2 says its mode', async () =>
      (await stack().compose('logs', 'app2')).stdout.includes('Single host mode'),
    );

    const { code, output } = await run(stack(), 'doctor');
    expect(code, output).toBe(1);
    expect(problemsIn(output)).toEqual(
      expect.arrayContaining(['container-down replica1', 'replay-paused replica2', 'app-single-host app2']),
    );
    expect(output).toContain('Single host mode');
    // Without --fix nothing was touched.
    expect(await stack().inspect('postgres-replica1', '{{.State.Status}}')).toBe('exited');
    await mendAll(stack());
    expect(problemsIn((await run(stack(), 'doctor', '--fix')).output)).toEqual([]);
    await expectFiveOk(stack());
  });

  test('a replica off the network, and one whose slot is gone', async () => {
    const network = `${stack().project}_database`;
    await docker(['network', 'disconnect', network, await stack().container('postgres-replica1')]);
    await dropSlot(stack(), 'replica2');
    const { code, output } = await run(stack(), 'doctor');
    expect(code, output).toBe(1);
    expect(problemsIn(output)).toEqual(
      expect.arrayContaining(['network-detached replica1', 'slot-missing replica2']),
    );
    await mendAll(stack());
  });
}

/** Slower ones: roles, rules and WAL of the primary are changed and have to be put right again. */
export function primaryDoctorCases(stack: () => ComposeStack): void {
  test('a replicator with another password, and a pg_hba.conf that lets nobody in', async () => {
    await stack().query('primary', `ALTER ROLE replicator PASSWORD 'something else'`);
    await hangUp(stack());
    const refused = await run(stack(), 'doctor');
    expect(problemsIn(refused.output)).toEqual(
      expect.arrayContaining(['replicator-refused replica1', 'replicator-refused replica2']),
    );
    await mendAll(stack());

    await stack().exec('postgres-primary', 'sh', '-c', 'sed -i "/replication/d" "$PGDATA/pg_hba.conf"');
    await stack().query('primary', 'SELECT pg_reload_conf()');
    await hangUp(stack());
    const { code, output } = await run(stack(), 'doctor');
    expect(code, output).toBe(1);
    expect(problemsIn(output)).toEqual(
      expect.arrayContaining(['hba-refused replica1', 'hba-refused replica2']),
    );
    await mendAll(stack());
  });

  test('a replica whose WAL is gone is rebuilt, and only that one', async () => {
    const others = await volumesCreated(stack(), ['postgres-primary', 'postgres-replica1']);
    await stack().compose('stop', 'postgres-replica2');
    await loseSlot(stack(), 'replica2');
    await stack().compose('start', 'postgres-replica2');
    const { code, output } = await run(stack(), 'doctor');
    expect(code, output).toBe(1);
    expect(problemsIn(output)).toContain('wal-gone replica2');
    await mendAll(stack());
    expect(await volumesCreated(stack(), ['postgres-primary', 'postgres-replica1'])).toEqual(others);
    await expectFiveOk(stack());
  });
}

/** --fix ends healthy. */
async function mendAll(stack: ComposeStack): Promise<void> {
  const output = await succeed(stack, 'doctor', '--fix');
  expect(output).toMatch(/^mended/m);
  expect(output).toMatch(/^healthy/m);
}

/** Ends what streams; the replicas try again within seconds, and are refused by what was broken meanwhile. */
async function hangUp(stack: ComposeStack): Promise<void> {
  await stack.query('primary', 'SELECT pg_terminate_backend(pid) FROM pg_stat_replication');
}

async function dropSlot(stack: ComposeStack, slot: string): Promise<void> {
  await until(`slot ${slot} is dropped`, async () => {
    await stack.query(
      'primary',
      `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${slot}'`,
    );
    await stack.query('primary', `SELECT pg_drop_replication_slot('${slot}')`);
    return true;
  });
}

/** Writes WAL until the primary gives the slot up. */
async function loseSlot(stack: ComposeStack, slot: string): Promise<void> {
  await stack.query('primary', `ALTER SYSTEM SET wal_keep_size = '0'`);
  await stack.query('primary', `ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'`);
  await stack.query('primary', 'SELECT pg_reload_conf()');
  try {
    await until(`slot ${slot} is lost`, async () => {
      await stack.query(
        'primary',
        `SELECT pg_logical_emit_message(false, 'ballast', repeat('x', 1000000)), pg_switch_wal()`,
      );
      await stack.query('primary', 'CHECKPOINT');
      const [row] = await stack.query<{ wal_status: string }>(
        'primary',
        `SELECT wal_status FROM pg_replication_slots WHERE slot_name = '${slot}'`,
      );
      return row?.wal_status === 'lost';
    });
  } finally {
    await stack.query('primary', 'ALTER SYSTEM RESET wal_keep_size');
    await stack.query('primary', 'ALTER SYSTEM RESET max_slot_wal_keep_size');
    await stack.query('primary', 'SELECT pg_reload_conf()');
  }
}

async function volumesCreated(stack: ComposeStack, services: readonly string[]): Promise<string> {
  const names = services.map((service) => `${stack.project}_${service}-data`);
  return (await docker(['volume', 'inspect', '--format', '{{.Name}} {{.CreatedAt}}', ...names])).stdout;
}
