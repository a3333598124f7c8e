import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { EnvironmentError, type NodeAddress, type Scenario, UsageError } from '../model.ts';
import { type ApplicationDefinition, connectionsOf } from './application-definition.ts';

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
  if ('sqlFile' in prepare) return runSqlFile(prepare.sqlFile, primary);
  const connections = connectionsOf({ routing: 'primary-only' }, [primary], 0);
  const env = {
    ...process.env,
    ...prepare.env(connections, data),
    // The guardian finds what a killed harness leaves behind by this mark.
    REPLIBENCH_RUN_ID: runId,
  };
  await runCommand(prepare.command, prepare.cwd, env, signal);
}

function runCommand(
  command: string | readonly [string, ...string[]],
  cwd: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const [file, args, shell] =
      typeof command === 'string' ? [command, [], true] : [command[0], command.slice(1), false];
    const shown = typeof command === 'string' ? command : command.join(' ');
    const child = spawn(file, args, { cwd, env, shell, stdio: ['ignore', 'pipe', 'pipe'], signal });
    let output = '';
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-keptOutputBytes);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (cause) => {
      reject(
        signal.aborted
          ? signal.reason
          : new EnvironmentError(`"${shown}" cannot be started in ${cwd}`, { cause }),
      );
    });
    child.once('close', (code, killedBy) => {
      if (code === 0) return resolve();
      const how = killedBy === null ? `exit code ${code}` : `signal ${killedBy}`;
      reject(
        new EnvironmentError(
          `preparing schema and data failed: "${shown}" ended with ${how}\n${output.trim()}`,
        ),
      );
    });
  });
}

async function runSqlFile(path: string, primary: NodeAddress): Promise<void> {
  const sql = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new UsageError(`prepare.sql: ${path} cannot be read`, { cause });
  });
  const { host, port, database, user, password } = primary;
  const client = new pg.Client({ host, port, database, user, password });
  await client.connect();
  try {
    await client.query(sql);
  } catch (cause) {
    const { message, position } = cause as { message: string; position?: string };
    const line =
      position === undefined ? '' : ` at line ${sql.slice(0, Number(position)).split('\n').length}`;
    throw new EnvironmentError(`prepare.sql: ${path} failed${line}: ${message}`, { cause });
  } finally {
    await client.end();
  }
}
