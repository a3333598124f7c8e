import type { NodeAddress } from '../model.ts';
import { monotonicMs } from '../monotonic-clock.ts';
import type { LagRing, PrimarySample } from './lag-ring.ts';
import { parseLsn, type WalLayout, withoutPageHeader } from './lsn.ts';
import { NodeConnection, type NodeConnectionOptions, type Statement } from './node-connection.ts';

// The insert position, not the written one that pg_current_wal_lsn() tells: an asynchronous commit is
// visible on the primary before it is written.
const position: Statement = {
  name: 'position',
  text: 'SELECT pg_current_wal_insert_lsn(), pg_current_wal_flush_lsn()',
};

const layout: Statement = {
  name: 'layout',
  text: `SELECT pg_size_bytes(current_setting('wal_segment_size')), pg_size_bytes(current_setting('wal_block_size'))`,
};

/** Samples where the primary is, into the ring. */
export class LagPrimary implements AsyncDisposable {
  readonly #connection: NodeConnection;
  readonly #ring: LagRing;
  readonly #clock: () => number;
  #layout: WalLayout | undefined;

  constructor(address: NodeAddress, ring: LagRing, options: NodeConnectionOptions) {
    this.#connection = new NodeConnection(address, options);
    this.#ring = ring;
    this.#clock = options.clock ?? monotonicMs;
  }

  async sample(): Promise<PrimarySample> {
    this.#layout ??= await this.#readLayout();
    const sentMs = this.#clock();
    const [row] = await this.#connection.query(position);
    const receivedMs = this.#clock();
    const sample = {
      insertLsn: withoutPageHeader(parseLsn(row?.[0] ?? ''), this.#layout),
      flushLsn: withoutPageHeader(parseLsn(row?.[1] ?? ''), this.#layout),
      sentMs,
      receivedMs,
    };
    this.#ring.add(sample);
    return sample;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
  }

  async #readLayout(): Promise<WalLayout> {
    const [row] = await this.#connection.query(layout);
    return { segmentBytes: Number(row?.[0]), pageBytes: Number(row?.[1]) };
  }
}
