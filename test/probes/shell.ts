/** A shell script under test as a process of its own: lines in, lines out, killed at the end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { until } from './cluster.ts';

export interface Shell extends AsyncDisposable {
  readonly pid: number;
  /** Lines printed so far. */
  readonly lines: readonly string[];
  /** Resolves to the first line that begins so. */
  line(beginning: string): Promise<string>;
  /** Ends one `read` of the script. */
  proceed(): void;
}

/** Shell functions for scripts: `burn N` spins N times in the shell itself, `self` sets $pid to its process. */
const functions =
  'burn() { i=0; while [ $i -lt $1 ]; do i=$((i+1)); done; }; self() { read pid rest </proc/self/stat; }';

export async function startShell(script: string): Promise<Shell> {
  const child = spawn('sh', ['-c', `${functions}; ${script}`], {
    stdio: ['pipe', 'pipe', 'ignore'],
    // Leads a group, so that whatever the script started ends with it.
    detached: true,
  });
  await once(child, 'spawn');
  const { pid } = child;
  if (pid === undefined) throw new Error('sh has no process id');
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  return {
    pid,
    lines,
    async line(beginning) {
      await until(() => lines.some((line) => line.startsWith(beginning)));
      return lines.find((line) => line.startsWith(beginning)) ?? '';
    },
    proceed: () => void child.stdin.write('\n'),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      process.kill(-pid, 'SIGKILL');
      await once(child, 'exit');
    },
  };
}

/** Parent of a process, undefined when there is no such process. */
export function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}
