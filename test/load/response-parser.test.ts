import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maxHeadBytes, ResponseParser } from '../../bench/load/response-parser.ts';

const whole = {
  'fixed length':
    'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nX-DB-Node: replica1\r\n\r\nhello',
  'length 0': 'HTTP/1.1 201 Created\r\ncontent-length: 0\r\nx-db-node: primary\r\n\r\n',
  'no reason phrase': 'HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok',
  '204 without a length': 'HTTP/1.1 204 No Content\r\nx-db-node: primary\r\n\r\n',
  '304 with the length of a body that does not follow':
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n',
  chunked:
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1A;name=value\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n',
  'chunked with line ends in its data':
    'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n4\r\n\r\n\r\n\r\n0\r\n\r\n',
  'chunked with a trailer':
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nx-sum: 1\r\nx-two: 2\r\n\r\n',
  'interim answers first':
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
  'bare line feeds': 'HTTP/1.1 200 OK\ncontent-length: 2\n\nok',
  'a length said twice, the same': 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok',
  'headers that only begin like known ones':
    'HTTP/1.1 200 OK\r\nContent-Length-Hint: 9\r\nConnection-Id: close\r\nX-DB-Nodes: 7\r\nTransfer-Encodings: chunked\r\ncontent-length: 2\r\n\r\nok',
} as const;

describe('a whole answer', () => {
  test.each(Object.entries(whole))('%s, split at every byte', (_name, text) => {
    const bytes = Buffer.from(text, 'latin1');
    for (let split = 0; split <= bytes.length; split += 1) {
      const parser = new ResponseParser();
      parser.reset(false);
      const first = feed(parser, bytes.subarray(0, split));
      // Only the last byte may complete it: sooner, the rest would poison the next answer.
      expect(first, `split at ${split}`).toBe(split === bytes.length ? 'complete' : 'more');
      if (split < bytes.length)
        expect(feed(parser, bytes.subarray(split)), `split at ${split}`).toBe('complete');
    }
  });

  test.each(Object.entries(whole))('%s, in any pieces, one after another on a connection', (_name, text) => {
    const bytes = Buffer.from(text, 'latin1');
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (sizes) => {
        const parser = new ResponseParser();
        for (let round = 0; round < 3; round += 1) {
          parser.reset(false);
          let at = 0;
          for (let index = 0; at < bytes.length; index += 1) {
            const end = at + (sizes[index % sizes.length] ?? 1);
            expect(feed(parser, bytes.subarray(at, end))).toBe(end < bytes.length ? 'more' : 'complete');
            at = end;
          }
        }
      }),
      { numRuns: 50, seed: 1 },
    );
  });

  test('HEAD has no body, whatever its length says', () => {
    const parser = new ResponseParser();
    parser.reset(true);
    expect(feed(parser, Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n'))).toBe('complete');
  });

  test('without a length ends with the connection', () => {
    const parser = parsed('HTTP/1.1 200 OK\r\n\r\nsome', 'more');
    expect(parser.keepAlive).toBe(false);
    expect(parser.finish()).toBe('complete');
  });

  test('a body of many megabytes in large reads', () => {
    const parser = parsed('HTTP/1.1 200 OK\r\ncontent-length: 8388608\r\n\r\n', 'more');
    const block = Buffer.alloc(1024 * 1024, 'x');
    for (let index = 0; index < 8; index += 1) {
      expect(feed(parser, block)).toBe(index === 7 ? 'complete' : 'more');
    }
  });
});

describe('what the head says', () => {
  test.each([
    ['HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n', true],
    ['HTTP/1.1 200 OK\r\ncontent-length: 0\r\nConnection: Close\r\n\r\n', false],
    ['HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n', false],
    ['HTTP/1.0 200 OK\r\ncontent-length: 0\r\nConnection: Keep-Alive\r\n\r\n', true],
    ['HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', false],
  ])('%j keeps the connection: %s', (text, keepAlive) => {
    expect(parsed(text, 'complete').keepAlive).toBe(keepAlive);
  });

  test('status, node and idle limit', () => {
    const parser = parsed(
      'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nKeep-Alive: timeout=5, max=9\r\nX-Db-Node:  replica2 \r\n\r\n',
      'complete',
    );
    expect(parser).toMatchObject({ status: 503, servedBy: 'replica2', keepAliveTimeoutMs: 5000 });
  });

  test('the node of one answer is not taken for that of the next', () => {
    const parser = parsed('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-db-node: replica2\r\n\r\n', 'complete');
    for (const [header, node] of [
      ['x-db-node: replica1', 'replica1'],
      ['x-other: 1', ''],
      ['x-db-node: primary', 'primary'],
    ]) {
      parser.reset(false);
      feed(parser, Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: 0\r\n${header}\r\n\r\n`));
      expect(parser.servedBy).toBe(node);
    }
  });
});

describe('what is not an answer', () => {
  test.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.6 hello there\r\n'],
    ['HTTP/2', 'HTTP/2 200 OK\r\n\r\n'],
    ['a status that is none', 'HTTP/1.1 2x0 OK\r\n\r\n'],
    ['a length that is none', 'HTTP/1.1 200 OK\r\ncontent-length: five\r\n\r\n'],
    ['an empty length', 'HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n'],
    ['two different lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n'],
    ['a negative length', 'HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n'],
    ['a protocol change nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    ['a chunk size that is none', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n'],
    ['an empty chunk size', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n'],
    ['a chunk longer than its size', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabc\r\n'],
  ])('%s', (_name, text) => {
    parsed(text, 'malformed');
  });

  test('a head without end, in one read or in many', () => {
    const line = `x-filler: ${'y'.repeat(1000)}\r\n`;
    const parser = parsed('HTTP/1.1 200 OK\r\n', 'more');
    let state: string = 'more';
    let sent = 0;
    for (; state === 'more' && sent < 10 * maxHeadBytes; sent += line.length)
      state = feed(parser, Buffer.from(line));
    expect(state).toBe('malformed');
    expect(sent).toBeLessThan(2 * maxHeadBytes);
    parsed(`HTTP/1.1 200 OK\r\n${line.repeat(100)}`, 'malformed');
  });

  test('a second answer that nobody asked for', () => {
    parsed('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n', 'surplus');
  });

  test.each(['', 'HTTP/1.1 200 OK\r\ncontent-le', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel'])(
    'cut off after %j',
    (text) => {
      expect(parsed(text, 'more').finish()).toBe('malformed');
    },
  );
});

/** As the connection does it: the bytes lie at the start of a buffer that is used again. */
function feed(parser: ResponseParser, bytes: Buffer): string {
  const shared = Buffer.alloc(bytes.length + 7, '\n');
  bytes.copy(shared);
  const state = parser.execute(shared, bytes.length);
  shared.fill('z');
  return state;
}

function parsed(text: string, state: string): ResponseParser {
  const parser = new ResponseParser();
  parser.reset(false);
  expect(feed(parser, Buffer.from(text, 'latin1'))).toBe(state);
  return parser;
}
