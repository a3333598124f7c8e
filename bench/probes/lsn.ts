/** The parts of a cluster that decide where WAL page headers are, in bytes. */
export interface WalLayout {
  readonly segmentBytes: number;
  readonly pageBytes: number;
}

/** Bytes of WAL before a position as PostgreSQL prints it, `16/B374D848`. Exact below 2^53. */
export function parseLsn(text: string): number {
  const slash = text.indexOf('/');
  const position =
    Number.parseInt(text.slice(0, slash), 16) * 2 ** 32 + Number.parseInt(text.slice(slash + 1), 16);
  if (slash < 1 || Number.isNaN(position)) throw new Error(`not a WAL position: ${text}`);
  return position;
}

/**
 * Takes a page header off an insert position. When a record ends exactly at a page's end, the insert
 * position is already behind the header of the next page (24 bytes, 40 on the first page of a
 * segment), which a replica reaches only with the next record: on a quiet primary it would look behind
 * for ever. No record can end right behind a header, so taking it off loses nothing.
 */
export function withoutPageHeader(lsn: number, layout: WalLayout): number {
  if (lsn % layout.segmentBytes === longHeaderBytes) return lsn - longHeaderBytes;
  const isFirstPage = lsn % layout.segmentBytes < layout.pageBytes;
  if (!isFirstPage && lsn % layout.pageBytes === shortHeaderBytes) return lsn - shortHeaderBytes;
  return lsn;
}

const shortHeaderBytes = 24;
const longHeaderBytes = 40;
