/** Asks one node again and again where it is, over a connection of its own. */
import { setTimeout as delay } from 'node:timers/promises';
import { Client, type ClientConfig } from 'pg';
import { type Position, parseLsn, withoutPageHeader } from './position.ts';

export interface ProbeSample {
  readonly isPrimary: boolean;
  /**
   * Of a standby that it receives, or 0: without a WAL receiver, or the right to look at it, it does not tell. Then it
   * is at least the one of `checkpointTimeline`.
   */
  readonly timeline: number;
  /** Of its latest restartpoint; of a primary the same as `timeline`. */
  readonly checkpointTimeline: number;
  /** Of a primary what it has inserted, of a standby what it has replayed. */
  readonly lsn: number;
  readonly sentMs: number;
  readonly receivedMs: number;
  /** The node's own clock just before it looked. */
  readonly serverMs: number;
}

export interface ProbeEvents {
  sampled(sample: ProbeSample): void;
  failed(error: Error): void;
  /** A question has been open for `silenceMs` and nothing else was heard of the node either. */
  silent(): void;
}

export interface ProbeOptions {
  /** Asked for anew for each connection: passwords change. */
  readonly connection: () => Promise<ClientConfig>;
  readonly intervalMs: () => number;
  readonly silenceMs: number;
  /** When the node last answered anything, on the same clock. */
  readonly heardMs: () => number;
  /** How long to wait before the next try after a failure. */
  readonly restMs: () => number;
  readonly clock: () => number;
}

export interface Probe {
  /** An answer to a question that left after this call. Rejects when there is none. */
  fresh(): Promise<ProbeSample>;
  /** Asks now instead of at the next interval. */
  hurry(): void;
  close(): Promise<void>;
}

const leastRestMs = 250;

export function startProbe(options: ProbeOptions, events: ProbeEvents): Probe {
  const closing = new AbortController();
  let waiting = null as PromiseWithResolvers<ProbeSample> | null;
  let asking: Client | null = null;
  let isHurried = false;
  let endPause = (): void => undefined;

  const hurry = (): void => {
    isHurried = true;
    endPause();
  };

  /** Without signals: this is done every other second for each node for as long as the application runs. */
  const pause = async (ms: number): Promise<void> => {
    // Somebody wants an answer now.
    if (waiting === null && !isHurried && !closing.signal.aborted)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms).unref();
        endPause = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    isHurried = false;
  };

  const askFor = async (client: Client): Promise<void> => {
    const asked = waiting;
    waiting = null;
    try {
      const sample = await ask(client, options);
      events.sampled(sample);
      asked?.resolve(sample);
    } catch (error) {
      asked?.reject(error);
      throw error;
    }
  };

  const watch = async (): Promise<void> => {
    const login = await options.connection();
    const client = new Client({ ...login, connectionTimeoutMillis: options.silenceMs });
    asking = client;
    // Without a listener a connection lost between two questions would end the process.
    client.on('error', hurry);
    try {
      await client.connect();
      while (!closing.signal.aborted) {
        await askFor(client);
        await pause(options.intervalMs());
      }
    } finally {
      // Not ended: a node that hangs would not answer the farewell either.
      client.end().catch(() => undefined);
      client.connection.stream.destroy();
    }
  };

  const running = (async () => {
    while (!closing.signal.aborted) {
      try {
        await watch();
      } catch (error) {
        if (closing.signal.aborted) break;
        const problem = error instanceof Error ? error : new Error(String(error));
        waiting?.reject(problem);
        waiting = null;
        if (problem instanceof SilenceError) events.silent();
        else events.failed(problem);
        // However many are in a hurry: a dead node is not dialled without a break.
        const restMs = options.restMs();
        const leastMs = Math.min(leastRestMs, restMs);
        await delay(leastMs, undefined, { signal: closing.signal, ref: false }).catch(() => undefined);
        await pause(restMs - leastMs);
      }
    }
    waiting?.reject(new Error('the router is closed'));
  })();

  return {
    fresh() {
      if (closing.signal.aborted) return Promise.reject(new Error('the router is closed'));
      waiting ??= unhandledToo(Promise.withResolvers<ProbeSample>());
      endPause();
      return waiting.promise;
    },
    hurry,
    async close() {
      closing.abort();
      endPause();
      asking?.connection.stream.destroy();
      await running;
    },
  };
}

class SilenceError extends Error {
  override readonly name = 'SilenceError';
}

/** Whoever asked may have gone: a rejection nobody waits for must not end the process. */
function unhandledToo<Value>(deferred: PromiseWithResolvers<Value>): PromiseWithResolvers<Value> {
  deferred.promise.catch(() => undefined);
  return deferred;
}

/** A question whose answer got lost on its way, while the node answers others, is given up after so many silences. */
const mostSilences = 3;

async function ask(client: Client, options: ProbeOptions): Promise<ProbeSample> {
  const { clock, heardMs, silenceMs } = options;
  const sentMs = clock();
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    const check = (): void => {
      const nowMs = clock();
      const quietMs = nowMs - Math.max(sentMs, heardMs());
      if (quietMs >= silenceMs) reject(new SilenceError(`nothing heard for ${Math.round(quietMs)} ms`));
      else if (nowMs - sentMs >= mostSilences * silenceMs) reject(new Error('a probe got no answer'));
      else waitFor(silenceMs - quietMs);
    };
    const waitFor = (ms: number): void => {
      // Not at once: after a stall of this process the answer may be here already, unread.
      timer = setTimeout(() => setImmediate(check), Math.max(1, ms)).unref();
    };
    waitFor(silenceMs);
  });
  try {
    const { rows } = await Promise.race([client.query<Row>({ name: 'where', text: where }), silence]);
    const [row] = rows;
    if (row === undefined) throw new Error('a node did not say where it is');
    const lsn = parseLsn(row.lsn);
    return {
      isPrimary: !row.recovery,
      timeline: row.timeline ?? 0,
      checkpointTimeline: row.checkpoint_timeline ?? row.timeline ?? 0,
      lsn: row.recovery ? lsn : withoutPageHeader(lsn, Number(row.segment)),
      sentMs,
      receivedMs: clock(),
      serverMs: row.clock,
    };
  } finally {
    clearTimeout(timer);
  }
}

interface Row {
  readonly recovery: boolean;
  readonly clock: number;
  readonly lsn: string;
  readonly timeline: number | null;
  /** Null where the other says it all. */
  readonly checkpoint_timeline: number | null;
  /** wal_segment_size, bytes. */
  readonly segment: string;
}

/**
 * The clock stands before the position: what was inserted up to then is in it. Insert and not write or flush, which
 * a commit that does not wait for its flush leaves behind. The timeline of a primary comes from a file's name, since
 * pg_control_checkpoint() keeps the old one for a while after a promotion; of a standby that makes it a lower bound,
 * which is better than none. Every login may ask for it.
 */
const where = `
  SELECT pg_is_in_recovery() AS recovery,
    extract(epoch FROM clock_timestamp())::float8 * 1000 AS clock,
    pg_size_bytes(current_setting('wal_segment_size')) AS segment,
    CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_replay_lsn(), '0/0') ELSE pg_current_wal_insert_lsn() END
      AS lsn,
    CASE WHEN pg_is_in_recovery() THEN received_tli
      ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END AS timeline,
    CASE WHEN pg_is_in_recovery() AND received_tli IS NULL THEN (SELECT timeline_id FROM pg_control_checkpoint()) END
      AS checkpoint_timeline
  FROM (SELECT (SELECT received_tli FROM pg_stat_wal_receiver) AS received_tli) AS receiver`;

/** Its place; undefined = its timeline is not known. `timeline`: of what was heard of it before, without a break. */
export function placeOf(sample: ProbeSample, timeline = 0): Position | undefined {
  const known = sample.timeline === 0 ? Math.max(sample.checkpointTimeline, timeline) : sample.timeline;
  return known === 0 ? undefined : { timeline: known, lsn: sample.lsn };
}
