import type { NodeAddress, Reading } from '../model.ts';
import { toMicrosecond } from './microsecond.ts';
import { NodeConnection, type NodeConnectionOptions, type Statement } from './node-connection.ts';
import type { ReportProblem } from './probe.ts';
import { settledWithin } from './settled-within.ts';

// The columns differ between versions (16 added one), so they are summed as they come.
const conflicts: Statement = {
  name: 'conflicts',
  text: `
    SELECT sum(value::bigint)
    FROM pg_stat_database_conflicts c, jsonb_each_text(to_jsonb(c)) AS counter(name, value)
    WHERE name LIKE 'confl%'`,
};

export interface ConflictsReader extends AsyncDisposable {
  /** Readings that have come in since the last call; asks again when it is time to. */
  next(report: ReportProblem): Promise<readonly Reading[]>;
}

/** How long a reading may hold up the caller; a slower replica's comes with a later call. */
const patienceMs = 50;

/** Queries that recovery cancelled on each replica: `conflicts`, cumulative, all databases and reasons. */
export function createConflictsReader(
  replicas: readonly NodeAddress[],
  options: NodeConnectionOptions & { readonly everyMs: number; readonly clock: () => number },
): ConflictsReader {
  const connections = replicas.map((replica) => new NodeConnection(replica, options));
  const finished: Reading[] = [];
  const askedAtMs = new Map<NodeConnection, number>();

  const ask = async (connection: NodeConnection, report: ReportProblem): Promise<void> => {
    try {
      const [row] = await connection.query(conflicts);
      const values = { conflicts: Number(row?.[0] ?? 0) };
      const subject = connection.address.name;
      finished.push({ atMs: toMicrosecond(options.clock()), probe: 'conflicts', subject, values });
    } catch (error) {
      report(error);
    }
  };
  return {
    async next(report) {
      const now = options.clock();
      const due = connections.filter(
        (connection) => now - (askedAtMs.get(connection) ?? Number.NEGATIVE_INFINITY) >= options.everyMs,
      );
      for (const connection of due) askedAtMs.set(connection, now);
      await settledWithin(
        due.map((connection) => ask(connection, report)),
        patienceMs,
      );
      return finished.splice(0);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(connections.map((connection) => connection[Symbol.asyncDispose]()));
    },
  };
}
