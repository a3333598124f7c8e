/**
 * A process that outlives a killed harness just long enough to end what the harness had started.
 * It holds the other end of a pipe: when the harness is gone, for whatever reason, the pipe ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { EnvironmentError } from '../model.ts';
import { identify, type ProcessIdentity, runIdVariable } from './process-table.ts';
import { nameRun } from './run-name.ts';
import type { SharedMemory } from './shared-memory.ts';

export interface Guardian extends AsyncDisposable {
  readonly runId: string;
  /** Prefix of every folder and cgroup of this run; see run-name.ts. */
  readonly runName: string;
  readonly pid: number;
  /** Must be in the environment of every process that the run starts, or it may not be found. */
  readonly environment: Readonly<Record<string, string>>;
  /** Call before the folder is made. Resolves when the guardian is certain to learn of it. */
  registerDirectory(path: string): Promise<void>;
  /** Call before the cgroup is made. */
  registerCgroup(path: string): Promise<void>;
  registerProcess(pid: number): Promise<void>;
  registerSharedMemory(memory: SharedMemory): Promise<void>;
  /** Containers, networks and volumes that carry the label (`name=value`). Call before the first is made. */
  registerContainers(label: string): Promise<void>;
}

/** What goes over the pipe, one JSON value a line. */
export type Registration =
  | { readonly directory: string }
  | { readonly cgroup: string }
  | { readonly process: ProcessIdentity }
  | { readonly sharedMemory: SharedMemory }
  | { readonly containers: string };

/**
 * Disposing ends the pipe: the guardian removes whatever is left of the run and exits. Dispose it last.
 * Throws EnvironmentError when the process cannot be started, and on dispose when something could
 * not be removed.
 */
export async function startGuardian(options: { readonly runId: string }): Promise<Guardian> {
  const { name: runName, runId } = nameRun(options.runId);
  const program = fileURLToPath(
    new URL(
      import.meta.url.endsWith('.ts') ? './guardian-process.ts' : './guardian-process.js',
      import.meta.url,
    ),
  );
  const child = spawn(process.execPath, [program, runId], {
    cwd: '/',
    // A session of its own: neither Ctrl-C nor a closed terminal reaches it.
    detached: true,
    // NODE_OPTIONS with an inspector or a loader would slow or break it, so nothing of the caller's but
    // what the container engine is found by.
    env: { PATH: '/usr/bin:/bin', ...engineEnvironment() },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const { stdin, stdout, stderr } = child;
  const report = collect(stdout, stderr);
  const exited = once(child, 'exit');
  // A write to a guardian that is gone fails by itself, see `send`.
  stdin.on('error', () => undefined);
  await ready(child, stdout, report);
  // A harness that forgets to dispose must still be able to end by itself.
  for (const handle of [child, stdin, stdout, stderr]) (handle as Partial<ChildProcess>).unref?.();

  const register = (registration: Registration) => send(stdin, registration, report);
  let ended: Promise<void> | undefined;
  return {
    runId,
    runName,
    pid: child.pid ?? -1,
    environment: { [runIdVariable]: runId },
    registerDirectory: (directory) => register({ directory }),
    registerCgroup: (cgroup) => register({ cgroup }),
    registerSharedMemory: (sharedMemory) => register({ sharedMemory }),
    registerContainers: (containers) => register({ containers }),
    async registerProcess(pid) {
      const identity = identify(pid);
      if (identity !== null) await register({ process: identity });
    },
    async [Symbol.asyncDispose]() {
      ended ??= end(child, stdin, exited, report);
      await ended;
    },
  };
}

function engineEnvironment(): NodeJS.ProcessEnv {
  const needed = /^(PATH|HOME|XDG_RUNTIME_DIR|SSH_AUTH_SOCK|DOCKER_\w+)$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => needed.test(name)));
}

async function ready(child: ChildProcess, stdout: Readable, report: { text: string }): Promise<void> {
  const failed = once(child, 'exit').then(([code, signal]) => {
    throw new EnvironmentError(
      `the guardian process ended at once (${signal ?? `exit ${code}`}): ${report.text}`,
    );
  });
  try {
    // Rejects by itself when the program cannot be started at all.
    await Promise.race([once(stdout, 'data'), once(child, 'spawn').then(() => failed)]);
  } catch (cause) {
    throw cause instanceof EnvironmentError
      ? cause
      : new EnvironmentError(`cannot start the guardian process ${process.execPath}`, { cause });
  }
  failed.catch(() => undefined);
}

function send(stdin: Writable, registration: Registration, report: { text: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    stdin.write(`${JSON.stringify(registration)}\n`, (cause) => {
      if (!cause) resolve();
      else reject(new EnvironmentError(`the guardian process is gone: ${report.text}`, { cause }));
    });
  });
}

async function end(
  child: ChildProcess,
  stdin: Writable,
  exited: Promise<unknown[]>,
  report: { text: string },
): Promise<void> {
  child.ref();
  stdin.end();
  const [code, signal] = await exited;
  if (code !== 0) {
    throw new EnvironmentError(
      signal === null
        ? `the guardian could not remove everything of this run: ${report.text.trim() || `exit code ${code}`}`
        : `the guardian process was ended during the run (${signal}); whatever is left is removed at the start of the next run`,
    );
  }
}

function collect(...streams: Readable[]): { text: string } {
  const report = { text: '' };
  for (const stream of streams) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      if (chunk !== 'ready\n') report.text += chunk;
    });
  }
  return report;
}
