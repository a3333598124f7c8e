/** A command of the user's that has to end by itself and well: a preparation, an installation. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { EnvironmentError } from '../model.ts';
import { withoutSecrets } from '../topology/log-tail.ts';
import type { Command } from './application-definition.ts';

export interface CommandRequest {
  readonly command: Command;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** For the message: "preparing schema and data". */
  readonly what: string;
  /** Blotted out of the output that an error shows. */
  readonly secrets?: readonly string[];
  readonly signal: AbortSignal;
}

/** Output kept of a command, for the message when it fails. */
const keptOutputBytes = 4_000;
/** Time that the last output of a command may take to arrive after its end. */
const outputGraceMs = 200;

/**
 * Ends with the command itself, whatever it has left running in the background: that may hold the
 * output open for ever, and the guardian ends it with the run.
 * @throws EnvironmentError with the end of the command's output, or the signal's reason
 */
export async function runCommand(request: CommandRequest): Promise<void> {
  const { command, cwd, env, signal, what, secrets = [] } = request;
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
      `${what} failed: "${shown}" ended with ${how}\n${withoutSecrets(output.trim(), secrets)}`,
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
