import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { EnvironmentError, type LoadPlan, type LoadProgress, type LoadResult, UsageError } from '../model.ts';
import type { FromWorker, ToWorker, WireError } from './messages.ts';

/** The load generator, a process of its own. Disposing ends the process. */
export interface Generator extends AsyncDisposable {
  readonly pid: number;
  /** Resolves when the process ends without having been asked to. */
  readonly lost: Promise<{ readonly reason: string }>;
  /**
   * Runs one plan; one at a time.
   * @throws UsageError for a plan that cannot be run; EnvironmentError when the process is lost;
   * the signal's reason when aborted, after the generator has closed its connections.
   */
  run(
    plan: LoadPlan,
    options: { readonly onProgress?: (progress: LoadProgress) => void; readonly signal: AbortSignal },
  ): Promise<LoadResult>;
}

/** A generator that does not stop a run within this time is ended. */
const abortGraceMs = 2000;

/**
 * Starts the generator process. The process ends with the harness, however that ends, or when `signal`
 * aborts.
 * @throws EnvironmentError when the process does not come up; the signal's reason when aborted.
 */
export async function startGenerator(options: { readonly signal: AbortSignal }): Promise<Generator> {
  const { signal } = options;
  signal.throwIfAborted();
  const child = fork(workerPath(), [], { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const said = keepTail(child);
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, killedBy) => resolve(describeEnd(code, killedBy, said())));
    child.once('error', (error) => resolve(error.message));
  });
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  signal.addEventListener('abort', kill, { once: true });

  let disposed = false;
  const lost = new Promise<{ readonly reason: string }>((resolve) => {
    void ended.then((reason) => {
      signal.removeEventListener('abort', kill);
      if (!disposed && !signal.aborted) resolve({ reason });
    });
  });

  const up = await Promise.race([
    new Promise<'ready'>((resolve) => child.once('message', () => resolve('ready'))),
    ended.then((reason) => ({ reason })),
  ]);
  signal.throwIfAborted();
  if (up !== 'ready') throw new EnvironmentError(`the load generator did not start: ${up.reason}`);

  let lastId = 0;
  let running = false;
  return {
    pid: child.pid as number,
    lost,
    async run(plan, { onProgress, signal: runSignal }) {
      runSignal.throwIfAborted();
      if (running) throw new Error('the generator is running a plan already; it runs one at a time');
      running = true;
      lastId += 1;
      try {
        return await runPlan(child, ended, lastId, plan, onProgress, runSignal);
      } finally {
        running = false;
      }
    },
    async [Symbol.asyncDispose]() {
      disposed = true;
      kill();
      await ended;
    },
  };
}

async function runPlan(
  child: ChildProcess,
  ended: Promise<string>,
  id: number,
  plan: LoadPlan,
  onProgress: ((progress: LoadProgress) => void) | undefined,
  signal: AbortSignal,
): Promise<LoadResult> {
  let grace: NodeJS.Timeout | undefined;
  const abort = (): void => {
    send(child, { type: 'abort', id });
    grace = setTimeout(() => child.kill('SIGKILL'), abortGraceMs);
  };
  let listen: (message: FromWorker) => void = () => undefined;
  const answer = new Promise<LoadResult | WireError>((resolve) => {
    listen = (message) => {
      if (message.type === 'ready' || message.id !== id) return;
      if (message.type === 'progress') onProgress?.(message.progress);
      else resolve(message.type === 'result' ? message.result : message.error);
    };
  });
  child.on('message', listen);
  signal.addEventListener('abort', abort, { once: true });
  try {
    send(child, { type: 'run', id, plan });
    const outcome = await Promise.race([answer, ended]);
    signal.throwIfAborted();
    if (typeof outcome === 'string') {
      throw new EnvironmentError(`the load generator ended during a run: ${outcome}`);
    }
    if (!('message' in outcome)) return outcome;
    throw fromWire(outcome);
  } finally {
    clearTimeout(grace);
    child.off('message', listen);
    signal.removeEventListener('abort', abort);
  }
}

function workerPath(): string {
  const name = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
  return fileURLToPath(new URL(name, import.meta.url));
}

/** The end of the process is seen on `ended`; a message that no longer reaches it says nothing new. */
function send(child: ChildProcess, message: ToWorker): void {
  if (child.connected) child.send(message, () => undefined);
}

/** The last part of what the process wrote to stderr. */
function keepTail(child: ChildProcess): () => string {
  let tail = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-4000);
  });
  return () => tail.trim();
}

function describeEnd(code: number | null, killedBy: NodeJS.Signals | null, said: string): string {
  const how = killedBy === null ? `exit code ${code}` : `killed by ${killedBy}`;
  return said === '' ? how : `${how}; it said: ${said}`;
}

function fromWire(error: WireError): Error {
  if (error.usage) return new UsageError(error.message);
  const cause = new Error(error.message);
  if (error.stack !== undefined) cause.stack = error.stack;
  return new Error(`the load generator failed: ${error.message}`, { cause });
}
