import { EnvironmentError, type NodeAddress, type Reading } from '../model.ts';
import { monotonicMs } from '../monotonic-clock.ts';
import { createConflictsReader } from './conflicts.ts';
import { parseLsn } from './lsn.ts';
import { toMicrosecond } from './microsecond.ts';
import { NodeConnection, type Row, type Statement } from './node-connection.ts';
import type { Probe, ReportProblem } from './probe.ts';

// One row a standby; without standbys one row with nulls behind the first two columns. Topologies differ
// in what they name after the node, the walreceiver or its slot, so both are asked.
const statistics: Statement = {
  name: 'statistics',
  text: `
    SELECT pg_current_wal_insert_lsn(),
      (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()),
      r.application_name, s.slot_name, r.state,
      extract(epoch FROM r.write_lag) * 1000, extract(epoch FROM r.flush_lag) * 1000,
      extract(epoch FROM r.replay_lag) * 1000,
      pg_wal_lsn_diff(pg_current_wal_lsn(), r.sent_lsn), pg_wal_lsn_diff(r.sent_lsn, r.flush_lsn),
      pg_wal_lsn_diff(r.flush_lsn, r.replay_lsn)
    FROM (SELECT) AS always
    LEFT JOIN pg_stat_replication r ON true
    LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid`,
};

const valueNames = [
  'viewWriteLagMs',
  'viewFlushLagMs',
  'viewReplayLagMs',
  'sendBytes',
  'netBytes',
  'replayBytes',
] as const;

export interface PostgresProbeOptions {
  /** One primary and its replicas. */
  readonly nodes: readonly NodeAddress[];
  readonly everyMs?: number;
  /** Least time between two looks at a replica's conflicts, which cost it more and change rarely. */
  readonly conflictsEveryMs?: number;
  /** When a node that does not answer is given up. */
  readonly timeoutMs?: number;
  readonly clock?: () => number;
}

/**
 * What the primary says. Of itself: `walBytes` (inserted since the first sample) and `xactCommits` (of
 * the database; the probes' own queries are among them). Of each replica, from pg_stat_replication:
 * `viewWriteLagMs`, `viewFlushLagMs`, `viewReplayLagMs` (absent when the view has none: it forgets them
 * when idle), `sendBytes` not sent, `netBytes` sent but not flushed there, `replayBytes` flushed but not
 * replayed, `streaming`. A standby that disconnects vanishes from the view: `streaming` is 0 then and
 * the rest is absent, for that is not a lag of 0. Under the name `conflicts`, of each replica: `conflicts`,
 * the queries that recovery cancelled there, cumulative.
 */
export function createPostgresProbe(options: PostgresProbeOptions): Probe {
  const clock = options.clock ?? monotonicMs;
  const primary = options.nodes.find(({ role }) => role === 'primary');
  if (primary === undefined) throw new EnvironmentError('no primary among the nodes to probe');
  const replicas = options.nodes.filter(({ role }) => role === 'replica');
  const connectionOptions = { clock, timeoutMs: options.timeoutMs ?? 1_000 };
  const connection = new NodeConnection(primary, connectionOptions);
  const conflicts = createConflictsReader(replicas, {
    ...connectionOptions,
    everyMs: options.conflictsEveryMs ?? 1_000,
  });
  let originLsn: number | undefined;

  const askPrimary = async (): Promise<readonly Reading[]> => {
    const rows = await connection.query(statistics);
    const atMs = toMicrosecond(clock());
    const [insertLsn, xactCommits] = rows[0] ?? [];
    const lsn = parseLsn(insertLsn ?? '');
    originLsn ??= lsn;
    const ofPrimary = { walBytes: lsn - originLsn, xactCommits: Number(xactCommits) };
    return [
      { atMs, probe: 'postgres', subject: primary.name, values: ofPrimary },
      ...replicas.map(({ name, standbyName }) => ({
        atMs,
        probe: 'postgres',
        subject: name,
        values: valuesOf(standbyName === undefined ? name : standbyName, rows),
      })),
    ];
  };
  return {
    name: 'postgres',
    everyMs: options.everyMs ?? 250,
    async sample(report: ReportProblem = () => undefined) {
      // The replicas' conflicts are worth having while the primary is down, too.
      const ofPrimary = askPrimary().catch((error: unknown) => {
        report(error);
        return [];
      });
      const ofReplicas = await conflicts.next(report);
      return [...(await ofPrimary), ...ofReplicas];
    },
    async [Symbol.asyncDispose]() {
      await connection[Symbol.asyncDispose]();
      await conflicts[Symbol.asyncDispose]();
    },
  };
}

function valuesOf(replica: string | null, rows: readonly Row[]): Readonly<Record<string, number>> {
  if (replica === null) return {};
  const row = rows.find(([, , application, slot]) => application === replica || slot === replica);
  if (row === undefined) return { streaming: 0 };
  const values: Record<string, number> = { streaming: row[4] === 'streaming' ? 1 : 0 };
  for (const [index, name] of valueNames.entries()) {
    const text = row[5 + index];
    if (typeof text === 'string') values[name] = toMicrosecond(Number(text));
  }
  return values;
}
