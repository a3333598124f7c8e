/**
 * Creates schema and data on the primary: `node src/db/prepare.ts`.
 * Reads DB_* and DATA_SEED, DATA_TEAMS, DATA_USERS, DATA_CONTACTS, DATA_INTERACTIONS from the environment.
 */

import { ConfigurationError } from '../environment.ts';
import { awaitPrimary, UnreachableError } from './await-primary.ts';
import { readDataSetSize } from './data-set-size.ts';
import { ForeignTablesError, loadDataSet } from './load-data-set.ts';

try {
  const size = readDataSetSize(process.env);
  const configuration = await awaitPrimary({ ...process.env, DB_ROUTING: 'primary-only' }, (line) =>
    console.log(`[Prepare] ${line}`),
  );
  const start = performance.now();
  await loadDataSet(configuration, size, {
    clock: () => performance.now(),
    report: ({ name, durationMs }) => console.log(`[Prepare] ${name}: ${Math.round(durationMs)} ms`),
  });
  console.log(`[Prepare] done in ${Math.round(performance.now() - start)} ms`);
} catch (error) {
  console.error(`[Prepare] ${explain(error)}`);
  process.exitCode = 1;
}

/** One line for what a user can mend; the stack only for what nobody expected. */
function explain(error: unknown): string {
  if (error instanceof ConfigurationError) return `configuration: ${error.message}`;
  if (error instanceof ForeignTablesError || error instanceof UnreachableError) return error.message;
  if (!(error instanceof Error)) return String(error);
  const address = `${process.env['DB_HOST']}:${process.env['DB_PORT'] ?? 5432}`;
  return 'code' in error ? `PostgreSQL at ${address}: ${error.message}` : (error.stack ?? error.message);
}
