import { ChunkedBody } from './chunked-body.ts';

/** What the bytes so far amount to. `surplus`: complete, but bytes follow that nobody asked for. */
export type ParserState = 'more' | 'complete' | 'surplus' | 'malformed';

/** Limit of one message head, bytes; more is a server gone wrong. */
export const maxHeadBytes = 64 * 1024;

/**
 * Parses one HTTP/1.1 response at a time (RFC 9112), keeping nothing of the body. Written for speed: one
 * pass over the head when it arrives whole, four headers looked at, no object per response.
 */
export class ResponseParser {
  /** Valid once the state is `complete` or `surplus`. */
  status = 0;
  /** Whether the server will take another request on this connection. */
  keepAlive = false;
  /** From `Keep-Alive: timeout=`: how long the server keeps an idle connection; null = not said. */
  keepAliveTimeoutMs: number | null = null;
  /** Value of `x-db-node`; '' without one. */
  servedBy = '';
  /** Values of the headers that were asked for, in their order; '' without one, a line for each of several. */
  readonly values: string[];

  #phase: 'head' | 'fixed' | 'chunked' | 'until-eof' = 'head';
  #headRequest = false;
  /** Start of a head that has not arrived whole; empty otherwise. */
  #pending: Buffer = empty;
  #bodyBytesLeft = 0;
  #contentLength = -1;
  #transferEncoding: 'none' | 'chunked' | 'other' = 'none';
  readonly #chunks = new ChunkedBody();
  readonly #wanted: readonly Buffer[];

  /** @param wanted names of headers whose values are kept. */
  constructor(wanted: readonly string[] = []) {
    this.#wanted = wanted.map((name) => Buffer.from(`${name.toLowerCase()}:`));
    this.values = wanted.map(() => '');
  }

  /** Forgets the previous response. @param head whether the request's method is HEAD: no body follows. */
  reset(head: boolean): void {
    this.#phase = 'head';
    this.#headRequest = head;
    this.#pending = empty;
  }

  /** Takes the next `length` bytes of the connection. `bytes` may be overwritten after the call. */
  execute(bytes: Buffer, length: number): ParserState {
    let at = 0;
    while (at < length || this.#bodyIsComplete()) {
      switch (this.#phase) {
        case 'head': {
          const next = this.#executeHead(bytes, at, length);
          if (next < 0) return next === incomplete ? 'more' : 'malformed';
          at = next;
          break;
        }
        case 'fixed': {
          const taken = Math.min(this.#bodyBytesLeft, length - at);
          this.#bodyBytesLeft -= taken;
          at += taken;
          if (this.#bodyBytesLeft === 0) return at === length ? 'complete' : 'surplus';
          break;
        }
        case 'chunked':
          at = this.#chunks.execute(bytes, at, length);
          if (at < 0) return 'malformed';
          if (this.#chunks.complete) return at === length ? 'complete' : 'surplus';
          break;
        case 'until-eof':
          at = length;
          break;
      }
    }
    return 'more';
  }

  /** The server has closed its side: complete only when that is what ends this body. */
  finish(): ParserState {
    return this.#phase === 'until-eof' ? 'complete' : 'malformed';
  }

  #bodyIsComplete(): boolean {
    return this.#phase === 'fixed' && this.#bodyBytesLeft === 0;
  }

  #executeHead(bytes: Buffer, at: number, length: number): number {
    if (this.#pending.length === 0) {
      const next = this.#parseHead(bytes, at, length);
      if (next !== incomplete) return next;
      if (length - at > maxHeadBytes) return malformed;
      this.#pending = Buffer.from(bytes.subarray(at, length));
      return incomplete;
    }
    const before = this.#pending.length;
    this.#pending = Buffer.concat([this.#pending, bytes.subarray(at, length)]);
    // Only a line feed can complete a head, so a head that trickles in is not parsed again for each byte.
    if (this.#pending.indexOf(lineFeed, before) >= 0) {
      const next = this.#parseHead(this.#pending, 0, this.#pending.length);
      if (next === malformed) return malformed;
      if (next !== incomplete) {
        this.#pending = empty;
        return at + next - before;
      }
    }
    return this.#pending.length > maxHeadBytes ? malformed : incomplete;
  }

  /** Returns the index behind the head, `incomplete` or `malformed`. */
  #parseHead(bytes: Buffer, start: number, length: number): number {
    let at = skipLine(bytes, start, length);
    if (at === incomplete) return incomplete;
    if (!this.#parseStatusLine(bytes, start, at)) return malformed;
    this.#contentLength = -1;
    this.#transferEncoding = 'none';
    let nodeSeen = false;
    this.values.fill('');
    for (;;) {
      const lineStart = at;
      at = skipLine(bytes, lineStart, length);
      if (at === incomplete) return incomplete;
      const first = bytes[lineStart] as number;
      if (first === lineFeed || (first === carriageReturn && at === lineStart + 2)) break;
      // Only lines that may be one of the headers below are looked at.
      switch (first | lowerCaseBit) {
        case 0x63: // c
          if (isHeader(bytes, lineStart, at, contentLengthName)) {
            if (!this.#takeContentLength(bytes, lineStart + contentLengthName.length, at)) return malformed;
          } else if (isHeader(bytes, lineStart, at, connectionName)) {
            const value = headerValue(bytes, lineStart + connectionName.length, at).toLowerCase();
            if (value.includes('close')) this.keepAlive = false;
            else if (value.includes('keep-alive')) this.keepAlive = true;
          }
          break;
        case 0x74: // t
          if (isHeader(bytes, lineStart, at, transferEncodingName)) {
            const value = headerValue(bytes, lineStart + transferEncodingName.length, at).toLowerCase();
            this.#transferEncoding = /(^|[\s,])chunked$/.test(value) ? 'chunked' : 'other';
          }
          break;
        case 0x6b: // k
          // Said again with every response, and never seen to change: read once per connection.
          if (this.keepAliveTimeoutMs === null && isHeader(bytes, lineStart, at, keepAliveName)) {
            const value = headerValue(bytes, lineStart + keepAliveName.length, at);
            const seconds = /timeout=(\d+)/i.exec(value)?.[1];
            if (seconds !== undefined) this.keepAliveTimeoutMs = Number(seconds) * 1000;
          }
          break;
        case 0x78: // x
          if (isHeader(bytes, lineStart, at, nodeName)) {
            this.#takeNode(bytes, lineStart + nodeName.length, at);
            nodeSeen = true;
          }
          break;
      }
      for (let index = 0; index < this.#wanted.length; index += 1) {
        const name = this.#wanted[index] as Buffer;
        if (!isHeader(bytes, lineStart, at, name)) continue;
        const value = headerValue(bytes, lineStart + name.length, at);
        this.values[index] = this.values[index] === '' ? value : `${this.values[index]}\n${value}`;
      }
    }
    if (!nodeSeen) this.servedBy = '';
    return this.#beginBody() ? at : malformed;
  }

  /** `HTTP/1.1 200 OK`: version and status. */
  #parseStatusLine(bytes: Buffer, start: number, end: number): boolean {
    if (end - start < 13) return false;
    for (let index = 0; index < versionPrefix.length; index += 1) {
      if (bytes[start + index] !== versionPrefix[index]) return false;
    }
    const minor = (bytes[start + 7] as number) - zero;
    const hundreds = (bytes[start + 9] as number) - zero;
    const tens = (bytes[start + 10] as number) - zero;
    const ones = (bytes[start + 11] as number) - zero;
    const afterStatus = bytes[start + 12] as number;
    if (minor < 0 || minor > 9 || bytes[start + 8] !== space) return false;
    if (hundreds < 1 || hundreds > 9 || tens < 0 || tens > 9 || ones < 0 || ones > 9) return false;
    if (afterStatus !== space && afterStatus !== carriageReturn && afterStatus !== lineFeed) return false;
    this.status = hundreds * 100 + tens * 10 + ones;
    this.keepAlive = minor >= 1;
    return true;
  }

  #takeContentLength(bytes: Buffer, start: number, end: number): boolean {
    let value = 0;
    let digits = 0;
    let ended = false;
    for (let at = start; at < end; at += 1) {
      const byte = bytes[at] as number;
      if (byte >= zero && byte <= zero + 9 && !ended) {
        value = value * 10 + byte - zero;
        digits += 1;
      } else if (byte <= space) {
        ended = digits > 0;
      } else {
        return false;
      }
    }
    if (digits === 0 || digits > 15) return false;
    // Two different lengths are a smuggling risk and a broken server: RFC 9112 section 6.3.
    if (this.#contentLength >= 0 && this.#contentLength !== value) return false;
    this.#contentLength = value;
    return true;
  }

  /** Nearly always the same text as before, so it is compared before a string is made. */
  #takeNode(bytes: Buffer, start: number, end: number): void {
    let from = start;
    let to = end;
    while (from < to && (bytes[from] as number) <= space) from += 1;
    while (to > from && (bytes[to - 1] as number) <= space) to -= 1;
    const known = this.servedBy;
    let same = known.length === to - from;
    for (let index = 0; same && index < known.length; index += 1) {
      same = known.charCodeAt(index) === bytes[from + index];
    }
    if (!same) this.servedBy = bytes.toString('latin1', from, to);
  }

  /** Decides how the body ends (RFC 9112 section 6.3); false when the response makes no sense. */
  #beginBody(): boolean {
    const { status } = this;
    if (status < 200) {
      // An interim response: the real one follows. 101 would change the protocol, which nobody asked for.
      this.#phase = 'head';
      return status !== 101;
    }
    if (this.#headRequest || status === 204 || status === 304) {
      this.#phase = 'fixed';
      this.#bodyBytesLeft = 0;
    } else if (this.#transferEncoding === 'chunked') {
      // With a length as well, the length is void and the connection not to be trusted afterwards.
      if (this.#contentLength >= 0) this.keepAlive = false;
      this.#phase = 'chunked';
      this.#chunks.reset();
    } else if (this.#transferEncoding === 'other' || this.#contentLength < 0) {
      this.keepAlive = false;
      this.#phase = 'until-eof';
    } else {
      this.#phase = 'fixed';
      this.#bodyBytesLeft = this.#contentLength;
    }
    return true;
  }
}

const empty = Buffer.alloc(0);
const incomplete = -1;
const malformed = -2;

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const zero = 0x30;
const lowerCaseBit = 0x20;
const versionPrefix = Buffer.from('HTTP/1.');
const contentLengthName = Buffer.from('content-length:');
const connectionName = Buffer.from('connection:');
const transferEncodingName = Buffer.from('transfer-encoding:');
const keepAliveName = Buffer.from('keep-alive:');
const nodeName = Buffer.from('x-db-node:');

/** Index behind the line feed that ends the line, or `incomplete`. */
function skipLine(bytes: Buffer, start: number, length: number): number {
  for (let at = start; at < length; at += 1) {
    if (bytes[at] === lineFeed) return at + 1;
  }
  return incomplete;
}

/** `name` is in lower case and ends with the colon. */
function isHeader(bytes: Buffer, start: number, end: number, name: Buffer): boolean {
  if (end - start < name.length) return false;
  for (let index = 0; index < name.length; index += 1) {
    const byte = bytes[start + index] as number;
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | lowerCaseBit : byte;
    if (lower !== name[index]) return false;
  }
  return true;
}

function headerValue(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('latin1', start, end).trim();
}
