/** Start-up beside a database that is starting, too: waits until the primary can be written to. */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { type Environment, parseEnvironment } from '../environment.ts';
import { type DatabaseConfiguration, readDatabaseConfiguration } from './configuration.ts';
import { PasswordFileError } from './password-file.ts';
import { askNode, describeProblem } from './reachability.ts';

/** A node that the program cannot do without does not answer. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

const variables = z.object({
  DB_WAIT_MS: z.coerce
    .number('is not a number')
    .int('is not a whole number')
    .min(0, 'is below 0')
    .max(86_400_000, 'is above a day')
    .default(0),
});

/** Seldom enough not to fill a server's log, often enough not to be felt. */
const pollMs = 250;

/**
 * Reads the configuration and, for at most `DB_WAIT_MS` (default 0: not at all), waits until the password's
 * file is there and the primary answers and is no standby. The file is read again each time, because whoever
 * makes the password may still replace that of an earlier start. `report` gets one line for each of the two
 * that is waited for.
 * Throws ConfigurationError, at once unless only the file is missing; UnreachableError when the time is over.
 */
export async function awaitPrimary(
  environment: Environment,
  report: (line: string) => void,
): Promise<DatabaseConfiguration> {
  const waitMs = startUpWaitMs(environment);
  if (waitMs === 0) return readDatabaseConfiguration(environment);
  const deadline = performance.now() + waitMs;
  const reported = new Set<string>();
  for (;;) {
    const found = await look(environment);
    if (!(found instanceof Error)) return found;
    if (performance.now() >= deadline) throw found;
    if (!reported.has(found.name)) report(`waiting up to ${waitMs / 1000} s: ${found.message}`);
    reported.add(found.name);
    await delay(pollMs);
  }
}

/** `DB_WAIT_MS`: how long a start waits for its primary. */
export function startUpWaitMs(environment: Environment): number {
  return parseEnvironment(variables, environment).DB_WAIT_MS;
}

/** The configuration when all is well, or what is still missing. */
async function look(environment: Environment): Promise<DatabaseConfiguration | Error> {
  let configuration: DatabaseConfiguration;
  try {
    configuration = readDatabaseConfiguration(environment);
  } catch (error) {
    if (error instanceof PasswordFileError) return error;
    throw error;
  }
  const answer = await askNode(configuration.nodes[0], configuration);
  const problem = answer.problem ?? (answer.inRecovery ? 'it is a standby, not promoted' : null);
  if (problem === null) return configuration;
  return new UnreachableError(`cannot reach ${describeProblem({ ...answer, problem })}`);
}
