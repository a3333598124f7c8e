/** The container engine, asked through its own command line: argument vectors, never a shell. */
import { execFile } from 'node:child_process';
import { EnvironmentError } from '../../model.ts';

export interface DockerOptions {
  readonly signal?: AbortSignal | undefined;
  /** Written to the command's standard input: the way in for secrets, which no argument may carry. */
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Default: none. */
  readonly timeoutMs?: number;
}

export interface DockerOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** Output of `docker logs` or `inspect` of a whole stack must fit. */
const mostOutputBytes = 64 * 1024 * 1024;

/** How long an aborted command may take to end by itself. */
const endsWithinMs = 10_000;

const noEngine = 'no Docker engine answers: start it, or use --topology embedded';

/** A docker command ended with a failure; `stderr` is what it said. */
export class DockerError extends EnvironmentError {
  readonly stderr: string;
  readonly code: number | null;

  constructor(message: string, stderr: string, code: number | null, cause: unknown) {
    super(message, { cause });
    this.stderr = stderr;
    this.code = code;
  }
}

/**
 * Runs `docker <args>` to its end.
 * @throws EnvironmentError when there is no engine, DockerError with the last lines of what it said when
 *   the command fails, the signal's reason when aborted, once the command has ended
 */
export async function docker(args: readonly string[], options: DockerOptions = {}): Promise<DockerOutput> {
  const { signal, input } = options;
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = execFile(
      'docker',
      [...args],
      {
        encoding: 'utf8',
        maxBuffer: mostOutputBytes,
        ...(options.env === undefined ? {} : { env: options.env }),
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
      },
      (error, stdout, stderr) => {
        signal?.removeEventListener('abort', end);
        clearTimeout(killer);
        if (signal?.aborted === true) reject(signal.reason);
        else if (error === null) resolve({ stdout, stderr });
        else reject(explain(args, error, stderr));
      },
    );
    // Not by execFile's own `signal`, which reports at once: what the command still does would come after
    // the caller's clean-up.
    let killer: NodeJS.Timeout | undefined;
    const end = () => {
      child.kill();
      killer = setTimeout(() => {
        child.kill('SIGKILL');
        // A helper of the command that outlives it may hold these.
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, endsWithinMs);
    };
    signal?.addEventListener('abort', end, { once: true });
    // A command that ends early does not read its input; how it ended is told by its exit.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
  });
}

/** The engine's version. @throws EnvironmentError when none answers */
export async function requireEngine(signal?: AbortSignal, timeoutMs = 10_000): Promise<string> {
  try {
    const { stdout } = await docker(['version', '--format', '{{.Server.Version}}'], {
      signal,
      timeoutMs,
    });
    return stdout.trim();
  } catch (cause) {
    signal?.throwIfAborted();
    throw new EnvironmentError(noEngine, { cause });
  }
}

/** Whether an engine answers, for tests that are skipped without one: a busy one must not pass for none. */
export async function engineAnswers(): Promise<boolean> {
  return requireEngine(undefined, 60_000).then(
    () => true,
    () => false,
  );
}

function explain(
  args: readonly string[],
  error: Error & { code?: unknown; killed?: boolean },
  stderr: string,
): Error {
  if (
    error.code === 'ENOENT' ||
    /cannot connect to the docker daemon|is the docker daemon running/i.test(stderr)
  )
    return new EnvironmentError(noEngine, { cause: error });
  const said = stderr.trim().split('\n').slice(-5).join('\n  ');
  // The command's name only: its arguments may be a long script.
  const shown = `docker ${args[0] === 'compose' ? 'compose' : args.slice(0, 2).join(' ')}`;
  const how = error.killed === true ? 'took too long' : 'failed';
  const code = typeof error.code === 'number' ? error.code : null;
  return new DockerError(`${shown} ${how}${said === '' ? '' : `: ${said}`}`, stderr, code, undefined);
}
