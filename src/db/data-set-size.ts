/** Size of the data set as the environment gives it. */
import { z } from 'zod';
import { type Environment, parseEnvironment } from '../environment.ts';
import type { DataSetSize } from './data-set.ts';

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

/**
 * Reads DATA_SEED, DATA_TEAMS, DATA_USERS, DATA_CONTACTS and DATA_INTERACTIONS.
 * Throws ConfigurationError naming each that is wrong.
 */
export function readDataSetSize(environment: Environment): DataSetSize {
  const values = parseEnvironment(variables, environment);
  return {
    seed: values.DATA_SEED,
    teams: values.DATA_TEAMS,
    users: values.DATA_USERS,
    contacts: values.DATA_CONTACTS,
    interactions: values.DATA_INTERACTIONS,
  };
}
