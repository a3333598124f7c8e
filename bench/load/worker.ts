/**
 * The generator process: runs plans that the harness sends, one after another, and nothing else, so that
 * the harness's own work never delays a due time. Started by `generator.ts`.
 */
import { UsageError } from '../model.ts';
import { monotonicMs } from '../monotonic-clock.ts';
import type { FromWorker, ToWorker, WireError } from './messages.ts';
import { runLoad } from './run-load.ts';

let current: { readonly id: number; readonly abort: AbortController } | null = null;

// Ctrl-C reaches the whole process group; the harness decides when the generator ends.
process.on('SIGINT', () => undefined);
// The harness is gone, however it ended.
process.on('disconnect', () => process.exit(0));
process.on('message', (message: ToWorker) => {
  if (message.type === 'run') void run(message);
  else if (current?.id === message.id) current.abort.abort();
});
send({ type: 'ready' });

async function run({ id, plan }: Extract<ToWorker, { type: 'run' }>): Promise<void> {
  const abort = new AbortController();
  current = { id, abort };
  try {
    const result = await runLoad(plan, {
      clock: monotonicMs,
      onProgress: (progress) => send({ type: 'progress', id, progress }),
      signal: abort.signal,
    });
    send({ type: 'result', id, result });
  } catch (error) {
    send({ type: 'failed', id, error: toWire(error) });
  } finally {
    current = null;
  }
}

function send(message: FromWorker): void {
  process.send?.(message);
}

function toWire(error: unknown): WireError {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { usage: error instanceof UsageError, message, stack };
}
