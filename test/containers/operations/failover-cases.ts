import { expect, test } from 'vitest';
import { docker } from '../../../bench/topology/docker/engine.ts';
import type { ComposeStack, NodeName } from '../support/compose.ts';
import { until } from '../support/until.ts';
import { startWriter } from '../support/writer.ts';
import { problemsIn, run, start, succeed } from './commands.ts';

/** In which order the nodes take over, each of them from each other, and back to the first in the end. */
const order: readonly NodeName[] = [
  ...(['replica1', 'replica2', 'primary', 'replica2', 'replica1'] as const),
  ...(['primary', 'replica1', 'primary', 'replica2', 'primary'] as const),
];
/** The turns that are killed in the middle, and what they have said by then. */
const killedAfter: Readonly<Record<number, RegExp>> = {
  2: /fenced/,
  4: /stopped/,
  6: /promoted/,
  8: /rejoined/,
};

export function refusalCases(stack: () => ComposeStack): void {
  test('a target that does not stream is refused, and nothing is changed', async () => {
    const network = `${stack().project}_database`;
    await docker(['network', 'disconnect', network, await stack().container('postgres-replica1')]);
    const unreachable = await run(stack(), 'failover', '--to', 'replica1');
    expect(unreachable.code, unreachable.output).toBe(2);
    expect(unreachable.output).toContain('replica1 cannot take over');
    await succeed(stack(), 'doctor', '--fix');

    await stack().query('replica1', `ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'`);
    await stack().query('replica1', 'SELECT pg_reload_conf()');
    await until('replica1 does not stream', async () => {
      const rows = await stack().query(
        'primary',
        `SELECT FROM pg_stat_replication WHERE application_name = 'replica1'`,
      );
      return rows.length === 0;
    });
    await stack().query('primary', 'CREATE TABLE IF NOT EXISTS only_here (id int)');
    const { code, output } = await run(stack(), 'failover', '--to', 'replica1');
    expect(output).toMatch(/^REFUSED {2}replica1 does not stream from primary.*Nothing was changed/m);
    expect(code).toBe(1);
    expect(await stack().query('primary', 'SELECT pg_is_in_recovery() AS it')).toEqual([{ it: false }]);
    const mended = await succeed(stack(), 'doctor', '--fix');
    expect(problemsIn(mended)).toEqual(['wrong-upstream replica1']);
  });
}

export function failoverCases(stack: () => ComposeStack): void {
  test('ten times in a row under writes, some of them killed and run again: nothing acknowledged is lost', async () => {
    let current: NodeName = 'primary';
    const target = () => ({
      port: Number(stack().variables[`${current.toUpperCase()}_PORT`]),
      password: stack().variables['POSTGRES_PASSWORD'] ?? '',
    });
    await using writer = await startWriter(target);
    for (const [turn, to] of order.entries()) {
      await writer.progress(5);
      const interrupted = killedAfter[turn];
      if (interrupted !== undefined) await killWhenItSays(stack(), to, interrupted);
      const attempt = start(stack(), 'failover', '--to', to);
      await attempt.printed(/promoted /);
      current = to;
      const { code, output } = await attempt.ended;
      expect(code, `turn ${turn} to ${to}:\n${output}`).toBe(0);
      expect(output.match(/^ok /gm), output).toHaveLength(5);
      const acknowledged = [...writer.acknowledged()];
      const rows = await stack().query<{ number: string }>(to, 'SELECT number FROM acknowledged');
      const there = new Set(rows.map(({ number }) => Number(number)));
      expect(
        acknowledged.filter((number) => !there.has(number)),
        `lost in turn ${turn}`,
      ).toEqual([]);
    }
  }, 900_000);

  test('what only a dead primary has is seen: refused, and given up only when that is accepted', async () => {
    // Both replicas stop receiving, and the primary dies with a transaction that nobody else has.
    // The target last: it must not have less than the other one.
    for (const replica of ['replica2', 'replica1'] as const) {
      await stack().query(replica, `ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'`);
      await stack().query(replica, 'SELECT pg_reload_conf()');
    }
    await until(
      'nobody streams',
      async () => (await stack().query('primary', 'SELECT FROM pg_stat_replication')).length === 0,
    );
    await stack().query('primary', 'CREATE TABLE lost_with_it (id int)');
    await docker(['kill', await stack().container('postgres-primary')]);

    const { code, output } = await run(stack(), 'failover', '--to', 'replica1');
    expect(output).toMatch(/^REFUSED {2}.*primary has \d+ transactions beyond .* that replica1 never got/m);
    expect(code).toBe(1);
    expect(await stack().query('replica1', 'SELECT pg_is_in_recovery() AS it')).toEqual([{ it: true }]);

    const accepted = await succeed(stack(), 'failover', '--to', 'replica1', '--accept-loss');
    expect(accepted).toMatch(/accepted: .*transactions/);
    expect(accepted).toMatch(/rejoined primary as a standby: (pg_rewind|base backup)/);
    expect(accepted.match(/^ok /gm), accepted).toHaveLength(5);
    expect(await stack().query('primary', `SELECT FROM pg_class WHERE relname = 'lost_with_it'`)).toEqual([]);
    expect(await succeed(stack(), 'doctor')).toMatch(/^healthy/);
  });
}

/** The operator's machine dies in the middle of it. */
async function killWhenItSays(stack: ComposeStack, to: NodeName, said: RegExp): Promise<void> {
  const attempt = start(stack, 'failover', '--to', to);
  await attempt.printed(said);
  attempt.child.kill('SIGKILL');
  await attempt.ended;
}
