/** Where cached texts are kept, as the cache sees it: Redis, or a map in tests. */
export interface CacheStore extends AsyncDisposable {
  get(key: string): Promise<string | null>;
  /** Keeps `value` for `ttlMs`, unless the key holds something already. */
  add(key: string, value: string, ttlMs: number): Promise<void>;
  /** Keeps `value` for `ttlMs`, whatever the key held before. */
  replace(key: string, value: string, ttlMs: number): Promise<void>;
  /** No answer came for a while: the connection itself may be dead, so another one is wanted. */
  renew(): void;
}
