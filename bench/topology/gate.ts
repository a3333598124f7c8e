/**
 * Starts a program that waits before its first instruction until the harness lets it go. In between,
 * the harness puts it into its cgroup and registers it with the guardian: no child of it can ever be
 * outside. If the harness dies in between, the gate ends by itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { EnvironmentError } from '../model.ts';

export interface Gated {
  readonly pid: number;
  readonly child: ChildProcess;
  open(): void;
}

export async function spawnGated(
  command: readonly [string, ...string[]],
  options: {
    readonly cwd: string;
    readonly env: Readonly<Record<string, string | undefined>>;
    /** File descriptor that takes stdout and stderr. */
    readonly output: number;
    readonly account?: { readonly uid: number; readonly gid: number } | null;
    /** Its own session and process group. */
    readonly detached?: boolean;
  },
): Promise<Gated> {
  const child = spawn('/bin/sh', ['-c', 'read -r go && exec "$0" "$@" </dev/null', ...command], {
    cwd: options.cwd,
    env: { ...options.env },
    detached: options.detached ?? false,
    stdio: ['pipe', options.output, options.output],
    ...(options.account ?? {}),
  });
  try {
    await once(child, 'spawn');
  } catch (cause) {
    throw new EnvironmentError(`cannot start ${command[0]} in ${options.cwd}`, { cause });
  }
  const { pid, stdin } = child;
  if (pid === undefined || stdin === null) throw new EnvironmentError(`cannot start ${command[0]}`);
  stdin.on('error', () => undefined); // it may have been killed before it was let go; its exit tells
  return { pid, child, open: () => void stdin.end('go\n') };
}
