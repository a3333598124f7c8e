/** Limit of one size line or one line of the trailer, bytes. */
const maxLineBytes = 16 * 1024;

/**
 * Finds the end of a body in chunks (RFC 9112 section 7.1): size line, data, line end, and so on until a
 * chunk of size 0, then the trailer until an empty line. Data is skipped; the few other bytes are looked at
 * one by one, so that it does not matter where reads split them.
 */
export class ChunkedBody {
  #phase: 'size' | 'data' | 'data-end' | 'trailer' | 'complete' = 'size';
  #chunkBytesLeft = 0;
  /** Of the current line, its line end not counted. */
  #lineBytes = 0;
  #sizePart: 'digits' | 'extension' = 'digits';

  get complete(): boolean {
    return this.#phase === 'complete';
  }

  reset(): void {
    this.#phase = 'size';
    this.#beginLine();
  }

  /** Takes bytes from `at`; gives the index behind the last one that belongs to the body, -1 = malformed. */
  execute(bytes: Buffer, start: number, length: number): number {
    let at = start;
    while (at < length && this.#phase !== 'complete') {
      if (this.#phase === 'data') {
        const taken = Math.min(this.#chunkBytesLeft, length - at);
        this.#chunkBytesLeft -= taken;
        at += taken;
        if (this.#chunkBytesLeft === 0) this.#phase = 'data-end';
      } else {
        if (!this.#takeLineByte(bytes[at] as number)) return -1;
        at += 1;
      }
    }
    return at;
  }

  #takeLineByte(byte: number): boolean {
    if (byte === lineFeed) return this.#endLine();
    if (byte === carriageReturn) return true;
    this.#lineBytes += 1;
    if (this.#lineBytes > maxLineBytes || this.#phase === 'data-end') return false;
    return this.#phase === 'trailer' || this.#takeSizeByte(byte);
  }

  #endLine(): boolean {
    if (this.#phase === 'size') {
      if (this.#lineBytes === 0) return false;
      this.#phase = this.#chunkBytesLeft === 0 ? 'trailer' : 'data';
      this.#lineBytes = 0;
    } else if (this.#phase === 'data-end') {
      this.#phase = 'size';
      this.#beginLine();
    } else if (this.#lineBytes === 0) {
      this.#phase = 'complete';
    } else {
      this.#lineBytes = 0;
    }
    return true;
  }

  /** Hex digits, then perhaps an extension, which is ignored. */
  #takeSizeByte(byte: number): boolean {
    if (this.#sizePart === 'extension') return true;
    const digit = hexDigit(byte);
    if (digit >= 0) {
      this.#chunkBytesLeft = this.#chunkBytesLeft * 16 + digit;
      return this.#chunkBytesLeft <= Number.MAX_SAFE_INTEGER;
    }
    this.#sizePart = 'extension';
    return this.#lineBytes > 1 && (byte === semicolon || byte === space || byte === tab);
  }

  #beginLine(): void {
    this.#lineBytes = 0;
    this.#chunkBytesLeft = 0;
    this.#sizePart = 'digits';
  }
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const tab = 0x09;
const semicolon = 0x3b;

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}
