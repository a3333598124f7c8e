/** Starts the application under test, waits until it says that it is ready, and ends it again. */
import { closeSync, openSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CpuSource, EnvironmentError } from '../model.ts';
import { Cleanup } from './cleanup.ts';
import { isPortFree } from './free-port.ts';
import { spawnGated } from './gate.ts';
import type { Guardian } from './guardian.ts';
import { endProcesses } from './leftovers.ts';
import { detectLimits } from './limits/detect-limits.ts';
import { lastLines } from './log-tail.ts';
import { waitUntilReady } from './ready.ts';
import type { Loss } from './topology.ts';

export interface RunningApplication extends AsyncDisposable {
  readonly pid: number;
  readonly cpu: CpuSource;
  /** Origin of the ready URL, without a trailing slash. */
  readonly baseUrl: string;
  /** Settles when the application ends unasked, and never rejects. */
  readonly lost: Promise<Loss>;
}

export interface ApplicationOptions {
  /** A string is run by the shell. */
  readonly command: string | readonly [string, ...string[]];
  readonly cwd: string;
  /** Added to what is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Default: the environment of the harness. */
  readonly inherited?: NodeJS.ProcessEnv;
  /** Blotted out of the output that an error shows. */
  readonly secrets?: readonly string[];
  /** Answers 2xx once the application can serve. */
  readonly readyUrl: string;
  readonly guardian: Guardian;
  readonly readyTimeoutMs: number;
  /** The port the application is told to listen on; must be free. */
  readonly port: number;
  readonly signal: AbortSignal;
}

/**
 * Throws EnvironmentError when the port is taken, when the command ends before it is ready, or is
 * not ready in time, with the last lines it wrote; the signal's reason when aborted.
 */
export async function startApplication(options: ApplicationOptions): Promise<RunningApplication> {
  const { guardian, signal } = options;
  signal.throwIfAborted();
  if (!(await isPortFree(options.port))) {
    throw new EnvironmentError(
      `port ${options.port} is in use: stop what listens there, or choose another port for the application`,
    );
  }
  const cleanup = new Cleanup();
  try {
    const directory = join(tmpdir(), `${guardian.runName}.app-${options.port}`);
    await guardian.registerDirectory(directory);
    await mkdir(directory, { mode: 0o700 });
    cleanup.add(() => rm(directory, { recursive: true, force: true }));

    const limits = await detectLimits({ guardian, want: 'auto' });
    const group = cleanup.use(await limits.createGroup(`app-${options.port}`));

    const log = join(directory, 'output.log');
    const output = openSync(log, 'a', 0o600);
    const command =
      typeof options.command === 'string' ? (['/bin/sh', '-c', options.command] as const) : options.command;
    const gated = await spawnGated(command, {
      cwd: options.cwd,
      env: { ...(options.inherited ?? process.env), ...options.env, ...guardian.environment },
      output,
      // A group of its own, so that ending it reaches what a shell or npm has started in turn.
      detached: true,
    }).finally(() => closeSync(output));
    await guardian.registerProcess(gated.pid);
    // A scope is started by systemd-run, which wants the place of our gate: counted from /proc instead.
    if (limits.method !== 'systemd-scope') await group.add(gated.pid);
    const cpu: CpuSource =
      limits.method === 'systemd-scope'
        ? { kind: 'process-tree', pid: gated.pid }
        : group.cpuSource(gated.pid);

    let asked = false;
    const ended = new Promise<string>((resolve) => {
      gated.child.once('exit', (code, signal) =>
        resolve(signal === null ? `exit code ${code}` : `${signal}`),
      );
    });
    const lost = ended.then(async (how) => {
      if (asked) return new Promise<never>(() => undefined);
      return {
        node: 'app',
        reason: `the application ended (${how})${await lastLines(log, options.secrets)}`,
      };
    });
    cleanup.add(async () => {
      asked = true;
      await endApplication(gated.pid, ended, cpu);
    });
    gated.open();

    await waitUntilReady({
      url: options.readyUrl,
      timeoutMs: options.readyTimeoutMs,
      ended,
      lastWords: () => lastLines(log, options.secrets),
      signal,
    });
    return {
      pid: gated.pid,
      cpu,
      baseUrl: new URL(options.readyUrl).origin,
      lost,
      [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
    };
  } catch (error) {
    throw await cleanup.after(error);
  }
}

/** SIGTERM and three seconds to finish, as an orchestrator would; then SIGKILL to everything it started. */
async function endApplication(pid: number, ended: Promise<string>, cpu: CpuSource): Promise<void> {
  signalGroup(pid, 'SIGTERM');
  await Promise.race([ended, sleep(3000, undefined, { ref: false })]);
  signalGroup(pid, 'SIGKILL');
  endProcesses({
    runId: null,
    directories: [],
    cgroups: cpu.kind === 'cgroup' ? [cpu.usageDir] : [],
    processes: [],
  });
  await ended;
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // ended already
  }
}
