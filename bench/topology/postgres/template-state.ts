/** The last touches to a template before it is copied. */
import type { NodeAddress } from '../../model.ts';
import { withClient } from './connect.ts';

/**
 * Hint bits, visibility map and planner statistics as they are in a database that has been in use;
 * otherwise the first slices would pay for them, or autovacuum in the middle of some slice.
 */
export async function vacuum(address: NodeAddress): Promise<void> {
  await withClient(address, async (client) => {
    const { rows } = await client.query<{ sql: string }>(
      `SELECT format('VACUUM (ANALYZE) %I.%I', schemaname, relname) AS sql FROM pg_stat_user_tables
       WHERE last_vacuum IS NULL OR last_analyze IS NULL`,
    );
    for (const { sql } of rows) await client.query(sql);
  });
}

/**
 * Two thirds of the files of a small cluster belong to the two empty databases that new ones would be
 * made from. No node makes a database, so none needs copies of them.
 */
export async function dropTemplateDatabases(address: NodeAddress): Promise<void> {
  await withClient(address, async (client) => {
    for (const name of ['template0', 'template1']) {
      await client.query(`ALTER DATABASE ${name} IS_TEMPLATE false`);
      await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
    }
  });
}
