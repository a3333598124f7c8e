import { Worker } from 'node:worker_threads';
import { EnvironmentError, type JournalEntry } from '../../model.ts';
import type { FromLive, ToLive } from './messages.ts';

/** A page that follows a run, on loopback. Disposing ends it at once, whoever looks at it. */
export interface LiveView extends AsyncDisposable {
  readonly url: string;
  add(entry: JournalEntry): void;
  /** Shows the last state, says `words` and ends; viewers keep the page that they have. */
  finish(words: string): Promise<void>;
}

/** A viewer that reads nothing must not keep a finished run from ending. */
const finishGraceMs = 2000;

/**
 * Starts the thread that serves the page, on a free port. A view that breaks later takes nothing with it:
 * `onLost` is told, and the run goes on.
 * @throws EnvironmentError when it cannot be served
 */
export async function startLiveView(onLost: (reason: string) => void): Promise<LiveView> {
  const name = import.meta.url.endsWith('.ts') ? './live-worker.ts' : './live-worker.js';
  const worker = new Worker(new URL(name, import.meta.url));
  const post = (message: ToLive): void => worker.postMessage(message);
  const ended = Promise.withResolvers<void>();
  const listening = Promise.withResolvers<number>();
  let lost = false;
  worker.on('message', (message: FromLive) => {
    if (message.type === 'listening') listening.resolve(message.port);
    else ended.resolve();
  });
  worker.on('error', (error) => {
    lost = true;
    listening.reject(
      new EnvironmentError('the live view cannot be served; measure without --live', { cause: error }),
    );
    ended.resolve();
  });
  const port = await listening.promise;
  worker.on('error', (error) => onLost(error instanceof Error ? error.message : String(error)));
  return {
    url: `http://127.0.0.1:${port}/`,
    add(entry) {
      if (!lost) post({ type: 'entry', entry });
    },
    async finish(words) {
      if (lost) return;
      post({ type: 'finish', words });
      const timer = setTimeout(ended.resolve, finishGraceMs);
      await ended.promise;
      clearTimeout(timer);
    },
    async [Symbol.asyncDispose]() {
      await worker.terminate();
    },
  };
}
