/** The sample application and its data set over test servers, in process or as the program itself. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readDatabaseConfiguration } from '../../src/db/configuration.ts';
import type { DataSetSize } from '../../src/db/data-set.ts';
import { loadDataSet } from '../../src/db/load-data-set.ts';
import { freePort } from './postgres.ts';

/** What an application needs to know of a server. */
export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

export type Variables = Readonly<Record<string, string>>;

export const smallDataSet: DataSetSize = {
  seed: 7,
  teams: 4,
  users: 200,
  contacts: 300,
  interactions: 1_000,
};

/** DB_* variables for a primary and its replicas; only addresses of replicas matter. */
export function databaseVariables(
  primary: DatabaseAddress,
  replicas: readonly { readonly host: string; readonly port: number }[] = [],
): Variables {
  const { host, port, database, user, password } = primary;
  return {
    ...{ DB_HOST: host, DB_PORT: String(port), DB_NAME: database, DB_USER: user, DB_PASSWORD: password },
    ...Object.fromEntries(
      replicas.flatMap((replica, index) => [
        [`DB_REPLICA${index + 1}_HOST`, replica.host],
        [`DB_REPLICA${index + 1}_PORT`, String(replica.port)],
      ]),
    ),
  };
}

export async function loadSmallDataSet(primary: DatabaseAddress, size = smallDataSet): Promise<void> {
  const options = { clock: () => performance.now(), report: () => undefined };
  await loadDataSet(readDatabaseConfiguration(databaseVariables(primary)), size, options);
}

export interface AppProcess extends AsyncDisposable {
  readonly url: string;
  readonly child: ChildProcess;
  output(): { readonly stdout: string; readonly stderr: string };
  /** Exit code and signal, when the process has ended and its output is complete. */
  readonly ended: Promise<readonly [code: number | null, signal: string | null]>;
}

/** Starts `src/app/main.ts` without waiting for anything. */
export async function spawnApp(variables: Variables, program = 'src/app/main.ts'): Promise<AppProcess> {
  const port = variables['PORT'] ?? String(await freePort());
  const root = path.resolve(import.meta.dirname, '../..');
  const child = spawn(process.execPath, [path.join(root, program)], {
    // Nothing is inherited but the path: the tests' own environment must not decide their outcome.
    env: { PATH: process.env['PATH'], PORT: port, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  const ended = once(child, 'close').then(([code, signal]): [number | null, string | null] => [code, signal]);
  return {
    url: `http://127.0.0.1:${port}`,
    child,
    output: () => output,
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Starts the program and waits until it answers. */
export async function startApp(variables: Variables): Promise<AppProcess> {
  const app = await spawnApp(variables);
  while (!(await answers(app.url))) {
    if (app.child.exitCode !== null) throw new Error(`the application ended: ${app.output().stderr}`);
    await delay(20);
  }
  return app;
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/healthz`)).ok;
  } catch (error) {
    if (error instanceof TypeError) return false; // refused: not listening yet
    throw error;
  }
}
