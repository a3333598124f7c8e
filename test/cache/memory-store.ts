import type { CacheStore } from '../../src/cache/store.ts';

export interface MemoryStore extends CacheStore {
  /** `fails`: every command rejects. `hangs`: none ends. */
  behaviour: 'works' | 'fails' | 'hangs';
  readonly asked: number;
  readonly renewed: number;
}

/** A store in a map, whose time is the test's. */
export function createMemoryStore(clock: () => number): MemoryStore {
  const values = new Map<string, { readonly value: string; readonly expiresAtMs: number }>();
  let asked = 0;
  let renewed = 0;
  const current = (key: string): string | null => {
    const held = values.get(key);
    return held !== undefined && held.expiresAtMs > clock() ? held.value : null;
  };
  const command = async <Reply>(work: () => Reply): Promise<Reply> => {
    asked += 1;
    if (store.behaviour === 'hangs') return new Promise(() => undefined);
    if (store.behaviour === 'fails') throw new Error('the store is broken');
    return work();
  };
  const put = (key: string, value: string, ttlMs: number): void => {
    values.set(key, { value, expiresAtMs: clock() + ttlMs });
  };
  const store: MemoryStore = {
    behaviour: 'works',
    get asked() {
      return asked;
    },
    get renewed() {
      return renewed;
    },
    get: (key) => command(() => current(key)),
    add: (key, value, ttlMs) => command(() => (current(key) === null ? put(key, value, ttlMs) : undefined)),
    replace: (key, value, ttlMs) => command(() => put(key, value, ttlMs)),
    renew() {
      renewed += 1;
    },
    async [Symbol.asyncDispose]() {
      values.clear();
    },
  };
  return store;
}
