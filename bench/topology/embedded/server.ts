/** One postgres server process on a data folder: start, wait, end. Knows nothing of replication. */
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { EnvironmentError, type NodeAddress } from '../../model.ts';
import { isPortFree } from '../free-port.ts';
import { spawnGated } from '../gate.ts';
import type { Guardian } from '../guardian.ts';
import { endProcesses } from '../leftovers.ts';
import type { CpuGroup } from '../limits/cpu-limits.ts';
import { lastLines } from '../log-tail.ts';
import { waitForAnswer } from '../postgres/connect.ts';
import { childrenOf, findProcesses } from '../process-table.ts';
import { removeSharedMemory, type SharedMemory, sharedMemoryOf } from '../shared-memory.ts';
import type { Account } from './account.ts';
import type { Binaries } from './binaries.ts';

export interface Server {
  readonly address: NodeAddress;
  readonly pid: number;
  /** How it ended and its last words; settles at its end, asked for or not. */
  readonly ended: Promise<string>;
  /** The mode of `pg_ctl stop`; `crash` is SIGKILL to all of its processes. Idempotent. */
  end(mode: 'fast' | 'immediate' | 'crash'): Promise<void>;
  /** SIGSTOP or SIGCONT to all of its processes. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
}

export interface ServerOptions {
  readonly binaries: Binaries;
  readonly account: Account | null;
  readonly guardian: Guardian;
  readonly group: CpuGroup;
  readonly dataDir: string;
  readonly logFile: string;
  readonly address: NodeAddress;
  readonly signal: AbortSignal;
}

/** Thrown when somebody else took the port between choosing and using it: choose another and try again. */
export class PortTaken extends Error {
  override readonly name = 'PortTaken';
}

/** Resolves when the server answers a query. Throws EnvironmentError with its last words, or PortTaken. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { address, guardian, group, dataDir, logFile } = options;
  const output = openSync(logFile, 'a', 0o600);
  const gated = await spawnGated(
    group.wrap([options.binaries.postgres, '-D', dataDir, '-p', `${address.port}`]),
    {
      cwd: dataDir,
      env: serverEnvironment(guardian),
      output,
      account: options.account,
      // Ctrl-C in the terminal is the harness' business; a server would take it as an order to stop.
      detached: true,
    },
  ).finally(() => closeSync(output));
  await guardian.registerProcess(gated.pid);
  await group.add(gated.pid);

  let running = true;
  const ended = new Promise<string>((resolve) => {
    gated.child.once('exit', (code, signal) => {
      running = false;
      const how = signal === null ? `exit code ${code}` : `${signal}`;
      resolve(lastLines(logFile).then((lines) => `${address.name} ended (${how})${lines}`));
    });
  });
  gated.open();

  let memory: SharedMemory = { files: [], segments: [] };
  const end: Server['end'] = async (mode) => {
    await group.limit(null).catch(() => undefined); // ends faster; the group may be gone already
    if (running && mode !== 'crash') {
      signalNode(gated.pid, 'SIGCONT');
      gated.child.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
      await Promise.race([ended, sleep(mode === 'fast' ? 5000 : 1500, undefined, { ref: false })]);
    }
    if (running) endProcesses({ runId: null, directories: [dataDir], cgroups: [], processes: [] });
    if (running) gated.child.kill('SIGKILL'); // where endProcesses sees nothing
    await ended;
    await waitForOrphans(dataDir);
    removeSharedMemory(memory);
  };

  const waiting = new AbortController();
  try {
    await Promise.race([
      waitForAnswer(address, AbortSignal.any([options.signal, waiting.signal])),
      ended.then(async (reason) => {
        if (!(await isPortFree(address.port))) throw new PortTaken(`port ${address.port}`);
        throw new EnvironmentError(reason);
      }),
    ]);
  } catch (error) {
    waiting.abort();
    await end('immediate');
    throw error;
  }
  memory = sharedMemoryOf(gated.pid);
  await guardian.registerSharedMemory(memory);
  return {
    address,
    pid: gated.pid,
    ended,
    end,
    signal: (signal) => signalNode(gated.pid, signal),
  };
}

/**
 * Nothing of the caller's environment that could change what is measured, such as PG* variables or a
 * locale; only what systemd-run needs to find the user's systemd.
 */
export function serverEnvironment(guardian: Guardian): Record<string, string | undefined> {
  const { XDG_RUNTIME_DIR, DBUS_SESSION_BUS_ADDRESS } = process.env;
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LC_ALL: 'C',
    TZ: 'UTC',
    XDG_RUNTIME_DIR,
    DBUS_SESSION_BUS_ADDRESS,
    ...guardian.environment,
  };
}

/** The postmaster first: once it is stopped it cannot start another child behind our back. */
function signalNode(postmaster: number, signal: NodeJS.Signals): void {
  const send = (pid: number) => {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  send(postmaster);
  for (const child of childrenOf(postmaster)) send(child);
}

/** Children of a postmaster that was killed notice it a little later, and write to the folder until then. */
async function waitForOrphans(dataDir: string): Promise<void> {
  const look = { directories: [dataDir], cgroups: [], runId: null };
  for (let waitedMs = 0; findProcesses(look).length > 0 && waitedMs < 1000; waitedMs += 10) await sleep(10);
  endProcesses({ ...look, processes: [] });
}
