import { describe, expect, test } from 'vitest';
import { parseLsn, withoutPageHeader } from '../../bench/probes/lsn.ts';

const layout = { segmentBytes: 16 * 2 ** 20, pageBytes: 8_192 };

describe('parseLsn', () => {
  test.each([
    ['0/0', 0],
    ['0/414E018', 0x414e018],
    ['16/B374D848', 0x16 * 2 ** 32 + 0xb374d848],
  ])('%s', (text, bytes) => {
    expect(parseLsn(text)).toBe(bytes);
  });

  test.each(['', '414E018', '/1', 'x/y'])('rejects %j', (text) => {
    expect(() => parseLsn(text)).toThrow(/not a WAL position/);
  });
});

describe('withoutPageHeader', () => {
  test.each([
    ['behind the header of a page', '0/414E018', '0/414E000'],
    ['behind the header of a segment', '0/4000028', '0/4000000'],
    ['in the middle of a page', '0/414E100', '0/414E100'],
    ['at the end of a page', '0/414E000', '0/414E000'],
    // A record that continues from the page before may end here: only 40 bytes into a *segment* is a header.
    ['16 bytes behind the header of a page', '0/414E028', '0/414E028'],
    ['inside the header of a segment', '0/4000018', '0/4000018'],
  ])('%s', (_, lsn, expected) => {
    expect(withoutPageHeader(parseLsn(lsn), layout)).toBe(parseLsn(expected));
  });

  test('a header of a page is none where segments are smaller', () => {
    const small = { segmentBytes: 2 ** 20, pageBytes: 8_192 };
    expect(withoutPageHeader(2 ** 20 + 40, small)).toBe(2 ** 20);
    expect(withoutPageHeader(2 ** 20 + 40, layout)).toBe(2 ** 20 + 40);
  });
});
