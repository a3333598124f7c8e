import type { NodeAddress } from '../../model.ts';
import { ask } from '../ask.ts';
import { until } from './until.ts';

/** A base backup takes as long as there is data. */
const copyMs = 600_000;

/** Resolves when the primary streams to a node. Throws EnvironmentError when it never does. */
export async function waitUntilStreams(
  primary: NodeAddress,
  node: string,
  signal: AbortSignal,
  atMostMs = copyMs,
): Promise<void> {
  await until(`${node} streams from ${primary.name}`, atMostMs, signal, async () => {
    const sql = `SELECT FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming'`;
    return (await ask(primary, sql, [node])).length > 0;
  });
}
