import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { EnvironmentError, type NodeAddress, type Scenario, UsageError } from '../model.ts';
import { withoutSecrets } from '../topology/log-tail.ts';
import {
  type ApplicationDefinition,
  type Command,
  connectionsOf,
  inheritedEnvironment,
} from './application-definition.ts';

/** Output kept of a command, for the message when it fails. */
const keptOutputBytes = 4_000;

/**
 * Makes schema and data on an empty primary, in the way the application's definition says.
 * @throws EnvironmentError with the end of the command's output, or the SQL file's error
 */
export async function prepareDatabase(
  definition: ApplicationDefinition,
  primary: NodeAddress,
  data: Scenario['data'],
  runId: string,
  signal: AbortSignal,
): Promise<void> {
  const { prepare } = definition;
  if (prepare === undefined) return;
  if ('sqlFile' in prepare) return runSqlFile(prepare.sqlFile, primary, signal);
  const connections = connectionsOf({ routing: 'primary-only' }, [primary], 0);
  const env = {
    ...inheritedEnvironment(definition),
    ...prepare.env(connections, data),
    // The guardian finds what a killed harness leaves behind by this mark.
    REPLIBENCH_RUN_ID: runId,
  };
  await runCommand(prepare.command, prepare.cwd, env, [primary.password], signal);
}

/** Time that the last output of a command may take to arrive after its end. */
const outputGraceMs = 200;

/**
 * Ends with the command itself, whatever it has left running in the background: that may hold the
 * output open for ever, and the guardian ends it with the run.
 */
async function runCommand(
  command: Command,
  cwd: string,
  env: NodeJS.ProcessEnv,
  secrets: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const [file, args, shell] =
    typeof command === 'string' ? [command, [], true] : [command[0], command.slice(1), false];
  const shown = typeof command === 'string' ? command : command.join(' ');
  // A process group of its own: ending it reaches what a shell or npm has started in turn.
  const child = spawn(file, args, { cwd, env, shell, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-keptOutputBytes);
    });
  }
  try {
    const [code, killedBy] = await once(child, 'exit', { signal });
    if (code === 0) return;
    await Promise.race([once(child, 'close'), sleep(outputGraceMs)]);
    const how = killedBy === null ? `exit code ${code}` : `signal ${killedBy}`;
    throw new EnvironmentError(
      `preparing schema and data failed: "${shown}" ended with ${how}\n${withoutSecrets(output.trim(), secrets)}`,
    );
  } catch (cause) {
    if (signal.aborted) {
      if (child.pid !== undefined) endGroup(child.pid);
      throw signal.reason;
    }
    if (cause instanceof EnvironmentError) throw cause;
    throw new EnvironmentError(`"${shown}" cannot be started in ${cwd}`, { cause });
  } finally {
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // ended already
  }
}

async function runSqlFile(path: string, primary: NodeAddress, signal: AbortSignal): Promise<void> {
  const sql = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new UsageError(`prepare.sql: ${path} cannot be read`, { cause });
  });
  const { host, port, database, user, password, tls } = primary;
  const client = new pg.Client({ host, port, database, user, password, ssl: tls ?? false });
  // A server that ends between two statements says so here; the statement that follows fails.
  client.on('error', () => undefined);
  await client.connect();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  try {
    signal.throwIfAborted();
    await Promise.race([client.query(sql), aborted]);
    await client.end();
  } catch (cause) {
    // Not awaited: the server is about to be stopped, and a statement that runs would be waited for.
    client.end().catch(() => undefined);
    if (signal.aborted) throw signal.reason;
    const { message, position } = cause as { message: string; position?: string };
    const line =
      position === undefined ? '' : ` at line ${sql.slice(0, Number(position)).split('\n').length}`;
    throw new EnvironmentError(`prepare.sql: ${path} failed${line}: ${message}`, { cause });
  }
}
