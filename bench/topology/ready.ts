import { setTimeout as sleep } from 'node:timers/promises';
import { EnvironmentError } from '../model.ts';

export interface ReadyOptions {
  /** Answers 2xx once the application can serve. */
  readonly url: string;
  readonly timeoutMs: number;
  /** Resolves with the way it ended, if it does. */
  readonly ended: Promise<string>;
  /** The end of its output, as an appendix to an error sentence. */
  readonly lastWords: () => Promise<string>;
  readonly signal: AbortSignal;
}

/**
 * Waits for an application to say that it is ready.
 * Throws EnvironmentError when it ends or the time is over before that; the signal's reason when aborted.
 */
export async function waitUntilReady(options: ReadyOptions): Promise<void> {
  const { url, timeoutMs } = options;
  const waiting = new AbortController();
  const signal = AbortSignal.any([options.signal, waiting.signal, AbortSignal.timeout(timeoutMs)]);
  let last = 'no answer';
  let exit: string | undefined;
  void options.ended.then((how) => {
    exit = how;
    waiting.abort();
  });
  while (!signal.aborted) {
    try {
      const response = await fetch(url, { signal });
      await response.arrayBuffer();
      if (response.ok && exit === undefined) return;
      last = `it answered ${response.status}`;
    } catch (error) {
      if (!signal.aborted) last = describe(error);
    }
    await sleep(25, undefined, { signal }).catch(() => undefined);
  }
  options.signal.throwIfAborted();
  throw new EnvironmentError(
    exit === undefined
      ? `the application was not ready at ${url} within ${timeoutMs} ms (${last})${await options.lastWords()}`
      : `the application ended (${exit}) before it was ready at ${url}; the command must stay in the foreground${await options.lastWords()}`,
  );
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.message : error.message;
}
