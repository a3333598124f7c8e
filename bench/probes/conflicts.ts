import type { NodeAddress, Reading } from '../model.ts';
import { monotonicMs } from '../monotonic-clock.ts';
import { toMicrosecond } from './microsecond.ts';
import { NodeConnection, type Statement } from './node-connection.ts';
import type { Probe, ReportProblem } from './probe.ts';

// The columns differ between versions (16 added one), so they are summed as they come.
const conflicts: Statement = {
  name: 'conflicts',
  text: `
    SELECT sum(value::bigint)
    FROM pg_stat_database_conflicts c, jsonb_each_text(to_jsonb(c)) AS counter(name, value)
    WHERE name LIKE 'confl%'`,
};

/** Queries that recovery cancelled on each replica: `conflicts`, cumulative, all databases and reasons. */
export function createConflictsProbe(options: {
  readonly replicas: readonly NodeAddress[];
  readonly everyMs?: number;
  readonly timeoutMs?: number;
  readonly clock?: () => number;
}): Probe {
  const clock = options.clock ?? monotonicMs;
  const connections = options.replicas.map(
    (replica) => new NodeConnection(replica, { clock, timeoutMs: options.timeoutMs ?? 1_000 }),
  );
  return {
    name: 'conflicts',
    everyMs: options.everyMs ?? 1_000,
    async sample(report: ReportProblem = () => undefined) {
      const answers = connections.map(async (connection): Promise<readonly Reading[]> => {
        try {
          const [row] = await connection.query(conflicts);
          const values = { conflicts: Number(row?.[0] ?? 0) };
          const subject = connection.address.name;
          return [{ atMs: toMicrosecond(clock()), probe: 'conflicts', subject, values }];
        } catch (error) {
          report(error);
          return [];
        }
      });
      return (await Promise.all(answers)).flat();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(connections.map((connection) => connection[Symbol.asyncDispose]()));
    },
  };
}
