import { createClient } from '@redis/client';

export interface RedisClientOptions {
  readonly url: string;
  /** Every key begins with it, so that one Redis can serve others as well. */
  readonly keyPrefix: string;
}

export const connectTimeoutMs = 1_000;
const reconnectMs = 500;

/** Not connected yet. A command without a connection rejects at once; a lost one is dialled again for ever. */
export function createRedisClient({ url, keyPrefix }: RedisClientOptions) {
  return createClient({
    url,
    keyPrefix,
    RESP: 2,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    // Queueing would be waiting.
    disableOfflineQueue: true,
    commandsQueueMaxLength: 10_000,
    socket: { connectTimeout: connectTimeoutMs, reconnectStrategy: reconnectMs },
  });
}
