/**
 * Creates schema and data on the primary: `node src/db/prepare.ts`.
 * Reads DB_* and DATA_SEED, DATA_TEAMS, DATA_USERS, DATA_CONTACTS, DATA_INTERACTIONS from the environment.
 */
import { z } from 'zod';
import { ConfigurationError, parseEnvironment, readDatabaseConfiguration } from './configuration.ts';
import { ForeignTablesError, loadDataSet } from './load-data-set.ts';

const count = z.coerce
  .number('is not a number')
  .int('is not whole')
  .min(1, 'is below 1')
  .max(100_000_000, 'is above 100,000,000');

const variables = z.object({
  DATA_SEED: z.coerce
    .number('is not a number')
    .int('is not whole')
    .min(0, 'is below 0')
    .max(2 ** 31, 'is above 2^31')
    .default(1),
  DATA_TEAMS: count.default(50),
  DATA_USERS: count.default(50_000),
  DATA_CONTACTS: count.default(50_000),
  DATA_INTERACTIONS: count.default(200_000),
});

try {
  const configuration = readDatabaseConfiguration({ ...process.env, DB_ROUTING: 'primary-only' });
  const values = parseEnvironment(variables, process.env);
  const start = performance.now();
  const size = {
    seed: values.DATA_SEED,
    teams: values.DATA_TEAMS,
    users: values.DATA_USERS,
    contacts: values.DATA_CONTACTS,
    interactions: values.DATA_INTERACTIONS,
  };
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
  if (error instanceof ForeignTablesError) return error.message;
  if (!(error instanceof Error)) return String(error);
  const address = `${process.env['DB_HOST']}:${process.env['DB_PORT'] ?? 5432}`;
  return 'code' in error ? `PostgreSQL at ${address}: ${error.message}` : (error.stack ?? error.message);
}
