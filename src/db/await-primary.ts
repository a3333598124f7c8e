/** Start-up beside a database that is starting, too: waits until the primary can be written to. */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { type Environment, parseEnvironment } from '../environment.ts';
import { type DatabaseConfiguration, type DatabaseNode, readDatabaseConfiguration } from './configuration.ts';
import { PasswordFileError } from './password-file.ts';
import { askNode, describeProblem } from './reachability.ts';
import { isServerAway } from './unavailable.ts';

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

/** A server that is just starting, on a machine that is starting more, takes its time for a login. */
const patientConnectMs = 10_000;

/**
 * Reads the configuration and does `work` with it. For at most `DB_WAIT_MS` (default 0: not at all) it waits
 * before that until the password's file is there and the primary answers and is no standby, and begins anew
 * when `work` finds the database away. The file is read again each time, because whoever makes the password
 * may still replace that of an earlier start. `report` gets one line for each kind of thing that is waited for.
 * Throws ConfigurationError, at once unless only the file is missing; UnreachableError when the time is over;
 * whatever else `work` throws.
 */
export async function awaitPrimary(
  environment: Environment,
  report: (line: string) => void,
  work: (configuration: DatabaseConfiguration) => Promise<void> = async () => undefined,
): Promise<DatabaseConfiguration> {
  const { DB_WAIT_MS: waitMs } = parseEnvironment(variables, environment);
  const deadline = performance.now() + waitMs;
  const reported = new Set<string>();
  for (;;) {
    try {
      const configuration = readDatabaseConfiguration(environment);
      const connectTimeoutMs = Math.max(patientConnectMs, configuration.connectTimeoutMs);
      const patient = waitMs === 0 ? configuration : { ...configuration, connectTimeoutMs };
      if (waitMs > 0) await requirePrimary(patient);
      await workOn(patient, work);
      return configuration;
    } catch (error) {
      if (!(error instanceof PasswordFileError || error instanceof UnreachableError)) throw error;
      if (performance.now() >= deadline) throw error;
      if (!reported.has(error.name)) report(`waiting up to ${waitMs / 1000} s: ${error.message}`);
      reported.add(error.name);
    }
    await delay(pollMs);
  }
}

/** Whom writes are for: the first node, unless routing finds out by itself which one that is by now. */
export function mayBePrimary({ routing, nodes }: DatabaseConfiguration): readonly DatabaseNode[] {
  return routing === 'balanced' ? nodes : [nodes[0]];
}

async function requirePrimary(configuration: DatabaseConfiguration): Promise<void> {
  const candidates = mayBePrimary(configuration);
  const answers = await Promise.all(candidates.map((node) => askNode(node, configuration)));
  const problems = answers.map(
    ({ problem, inRecovery }) => problem ?? (inRecovery ? 'it is a standby, not promoted' : null),
  );
  if (problems.includes(null)) return;
  const [answer] = answers;
  if (answer === undefined) return;
  throw new UnreachableError(`cannot reach ${describeProblem({ ...answer, problem: problems[0] ?? null })}`);
}

async function workOn(
  configuration: DatabaseConfiguration,
  work: (configuration: DatabaseConfiguration) => Promise<void>,
): Promise<void> {
  try {
    await work(configuration);
  } catch (cause) {
    if (!isServerAway(cause)) throw cause;
    const [node] = configuration.nodes;
    throw new UnreachableError(`cannot reach ${describeProblem({ node, problem: cause.message })}`, {
      cause,
    });
  }
}
