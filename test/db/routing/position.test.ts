import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatLsn, parseLsn, withoutPageHeader } from '../../../src/db/routing/position.ts';

const segment = 16 * 1024 * 1024;

describe('a position', () => {
  test('is printed as PostgreSQL does, and read back', () => {
    expect(parseLsn('16/B374D848')).toBe(0x16_b374_d848);
    expect(formatLsn(0x16_b374_d848)).toBe('16/B374D848');
    fc.assert(
      fc.property(fc.maxSafeNat(), (lsn) => {
        expect(parseLsn(formatLsn(lsn))).toBe(lsn);
      }),
    );
  });

  test.each(['', '0', '0/', '/0', '0/0/0', 'x/1', '123456789/0'])('"%s" is none', (text) => {
    expect(() => parseLsn(text)).toThrow(/not a WAL position/);
  });
});

describe('a page header', () => {
  // Seen on a server: the commit ended at 0/414E000, the insert position was 0/414E018, and on a quiet primary no
  // replica reached that in 20 seconds.
  test.each([
    ['0/414E018', '0/414E000'],
    ['0/4000028', '0/4000000'],
  ])('is taken off %s', (insert, end) => {
    expect(withoutPageHeader(parseLsn(insert), segment)).toBe(parseLsn(end));
  });

  test.each(['0/414E000', '0/414E020', '0/4000018', '0/414E028', '0/4002028'])('is not seen in %s', (lsn) => {
    expect(withoutPageHeader(parseLsn(lsn), segment)).toBe(parseLsn(lsn));
  });
});
