/** Places in the write-ahead log, and where the servers print them a little too far. */

/** A place in the write-ahead log of one timeline. */
export interface Position {
  /** Rises with each promotion; places of different timelines may hold different records. */
  readonly timeline: number;
  /** Bytes of WAL before it, without a trailing page header; exact below 2^53. */
  readonly lsn: number;
}

/** Bytes of WAL before a position as PostgreSQL prints it, `16/B374D848`. Throws on anything else. */
export function parseLsn(text: string): number {
  const match = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) throw new Error(`not a WAL position: ${text}`);
  return Number.parseInt(match[1], 16) * 2 ** 32 + Number.parseInt(match[2], 16);
}

/** As PostgreSQL prints it. */
export function formatLsn(lsn: number): string {
  const hex = (value: number): string => value.toString(16).toUpperCase();
  return `${hex(Math.floor(lsn / 2 ** 32))}/${hex(lsn % 2 ** 32)}`;
}

const pageBytes = 8_192;
const pageHeaderBytes = 24;
const segmentHeaderBytes = 40;

/**
 * Takes a page header off an insert position. When a record ends exactly where a page does, the insert position
 * is behind the header of the next page already, which no replica reaches before the next record comes: on a
 * quiet primary a token with the header would wait for ever. No record can end right behind a header, so taking it
 * off loses nothing. `segmentBytes` is wal_segment_size.
 */
export function withoutPageHeader(lsn: number, segmentBytes: number): number {
  if (lsn % segmentBytes === segmentHeaderBytes) return lsn - segmentHeaderBytes;
  const isFirstPage = lsn % segmentBytes < pageBytes;
  return !isFirstPage && lsn % pageBytes === pageHeaderBytes ? lsn - pageHeaderBytes : lsn;
}
