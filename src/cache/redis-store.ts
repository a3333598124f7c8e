/** Keeps cached texts in Redis. */
import { setTimeout as delay } from 'node:timers/promises';
import { connectTimeoutMs, createRedisClient, type RedisClientOptions } from './redis-client.ts';
import type { CacheStore } from './store.ts';

/**
 * Opens a connection and keeps it open. Resolves when it stands, or after a second without: from then on
 * every command of a lost or missing connection rejects at once, and the client dials until it is back.
 * Never rejects for Redis being away.
 */
export async function openRedisStore(options: RedisClientOptions): Promise<CacheStore> {
  let client = createRedisClient(options);
  let bornAtMs = performance.now();
  let lastProblem: unknown;
  const note = (error: unknown): void => {
    lastProblem = error;
  };
  const connect = (): Promise<unknown> => {
    // Unheard, an error of the connection would end the process.
    client.on('error', note);
    return client.connect().catch(note);
  };
  /** Of a command without a connection the interesting part is why there is none. */
  const explained = async <Reply>(reply: Promise<Reply>): Promise<Reply> => {
    try {
      return await reply;
    } catch (error) {
      throw client.isReady ? error : (lastProblem ?? error);
    }
  };
  await Promise.race([connect(), delay(connectTimeoutMs, undefined, { ref: false })]);
  return {
    get: (key) => explained(client.get(key)),
    async add(key, value, ttlMs) {
      await explained(client.set(key, value, { condition: 'NX', expiration: { type: 'PX', value: ttlMs } }));
    },
    async replace(key, value, ttlMs) {
      await explained(client.set(key, value, { expiration: { type: 'PX', value: ttlMs } }));
    },
    renew() {
      // A connection that is being refused is dialled again anyway; one that stands but is silent, or a
      // handshake that never ends, is noticed by nobody else before TCP's own quarter of an hour.
      if (!client.isReady && performance.now() - bornAtMs < 5 * connectTimeoutMs) return;
      client.destroy();
      client = createRedisClient(options);
      bornAtMs = performance.now();
      void connect();
    },
    async [Symbol.asyncDispose]() {
      client.destroy();
    },
  };
}
