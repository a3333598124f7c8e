/**
 * A cache beside the database ("cache-aside") for texts: answers as they are sent. It makes reads cheaper
 * and nothing else depends on it: whatever goes wrong with the store, the database is read.
 *
 * How old an answer can be. A write replaces the key by a marker for `guardMs`; while it is there nobody
 * can put back what was read before the write, or on a replica that has not replayed it yet. What is left:
 * a replica further behind than `guardMs` can have its old row cached for `ttlMs`; so can anybody when the
 * marker could not be set (store away, process killed between commit and marker). Until the marker is set,
 * and to whoever shares another process's load that began before the write, the old answer is given for
 * some milliseconds more. Never longer than `ttlMs` beyond the replica's lag.
 */
import { createCircuit } from './circuit.ts';
import type { CacheStore } from './store.ts';

/** `hit`: from the store. `miss`: the store had none. `error`: the store failed, was too slow, or is resting. */
export type CacheResult = 'hit' | 'miss' | 'error';

export type Cached<Value> =
  | { readonly result: 'hit'; readonly text: string }
  | { readonly result: 'miss' | 'error'; readonly value: Value };

export interface ReadCache {
  /**
   * The text of `key`, or else the value that `load` gives, whose text is kept. Readers of one key at the
   * same time share one load, and its failure. Rejects only as `load` does.
   */
  read<Value>(
    key: string,
    load: () => Promise<Value>,
    textOf: (value: Value) => string,
  ): Promise<Cached<Value>>;
  /** To be called, and awaited, after the commit of what changed the keys. Never rejects. */
  forget(...keys: readonly string[]): Promise<void>;
}

export interface ReadCacheOptions {
  readonly ttlMs: number;
  /** Longest wait for the store. */
  readonly patienceMs: number;
  /** How long nothing is cached after a write. Default: 1000, several times the usual lag of a replica. */
  readonly guardMs?: number;
  readonly clock: () => number;
  /** Told for each read. */
  readonly count: (result: CacheResult) => void;
  /** Told when the store is given up for now (with the reason), and when it answers again (null). */
  readonly reportOutage: (reason: string | null) => void;
}

const defaultGuardMs = 1_000;

/** No answer is an empty text. */
const marker = '';

export function createReadCache(store: CacheStore, options: ReadCacheOptions): ReadCache {
  const circuit = createCircuit({ failures: 3, restMs: 1_000, clock: options.clock });
  const { guardMs = defaultGuardMs } = options;
  const flights = new Map<string, Promise<Cached<unknown>>>();
  let away = false;

  /** Undefined when the store is resting, failed or was too slow. */
  const ask = async <Answer>(command: () => Promise<Answer>): Promise<{ answer: Answer } | undefined> => {
    if (!circuit.allows()) return undefined;
    const wasOpen = circuit.open;
    try {
      const answer = await within(options.patienceMs, command());
      circuit.succeeded();
      if (away) options.reportOutage(null);
      away = false;
      return { answer };
    } catch (error) {
      circuit.failed();
      if (wasOpen) store.renew();
      if (circuit.open && !away) {
        away = true;
        options.reportOutage(error instanceof Error ? error.message : String(error));
      }
      return undefined;
    }
  };

  const readOnce = async <Value>(
    key: string,
    load: () => Promise<Value>,
    textOf: (value: Value) => string,
    isCurrent: () => boolean,
  ): Promise<Cached<Value>> => {
    const found = await ask(() => store.get(key));
    if (found?.answer) return { result: 'hit', text: found.answer };
    const value = await load();
    if (found === undefined) return { result: 'error', value };
    // Not awaited: the reader has its answer.
    if (found.answer === null && isCurrent()) void ask(() => store.add(key, textOf(value), options.ttlMs));
    return { result: 'miss', value };
  };

  return {
    async read<Value>(key: string, load: () => Promise<Value>, textOf: (value: Value) => string) {
      let flight = flights.get(key) as Promise<Cached<Value>> | undefined;
      if (flight === undefined) {
        const mine: Promise<Cached<Value>> = readOnce(
          key,
          load,
          textOf,
          () => flights.get(key) === mine,
        ).finally(() => {
          if (flights.get(key) === mine) flights.delete(key);
        });
        flight = mine;
        flights.set(key, mine);
      }
      const cached = await flight;
      options.count(cached.result);
      return cached;
    },
    async forget(...keys) {
      // Whoever reads from now on must not share a load that began before the write.
      for (const key of keys) flights.delete(key);
      await Promise.all(keys.map((key) => ask(() => store.replace(key, marker, guardMs))));
    },
  };
}

async function within<Answer>(patienceMs: number, command: Promise<Answer>): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${patienceMs} ms`)), patienceMs);
  });
  try {
    return await Promise.race([command, late]);
  } finally {
    clearTimeout(timer);
  }
}
