import { describe, expect, test } from 'vitest';
import { createOperationMix } from '../../bench/load/operation-mix.ts';
import { type KeyDistribution, type LoadPlan, type Operation, UsageError } from '../../bench/model.ts';

const target = { host: '127.0.0.1:3000', pathPrefix: '/api' };

describe('the mix', () => {
  const operations: readonly Operation[] = [
    { name: 'a', class: 'read', weight: 3, method: 'GET', path: '/a' },
    { name: 'b', class: 'read', weight: 1, method: 'GET', path: '/b' },
    { name: 'c', class: 'write', weight: 5, method: 'POST', path: '/c' },
    { name: 'never', class: 'write', weight: 0, method: 'POST', path: '/d' },
  ];

  test('read share first, then weights within the class', () => {
    const { draw } = createOperationMix(plan({ operations, readShare: 0.8 }), ['read', 'write'], target, [0]);
    const counts = [0, 0, 0, 0];
    for (let index = 0; index < 100_000; index += 1) {
      const { operation } = draw();
      counts[operation] = (counts[operation] ?? 0) + 1;
    }
    expect(counts[3]).toBe(0);
    [60_000, 20_000, 20_000].forEach((expected, index) => {
      expect(Math.abs((counts[index] ?? 0) - expected)).toBeLessThan(5 * Math.sqrt(expected));
    });
  });

  test('a stream of one class ignores the read share', () => {
    const { draw } = createOperationMix(plan({ operations, readShare: 0.8 }), ['write'], target, [0]);
    for (let index = 0; index < 100; index += 1) expect(draw().operation).toBe(2);
  });

  test('same seed and lane, same requests; no two lanes march in step', () => {
    const sequence = (seed: number, ...lane: number[]): number[] => {
      const { draw } = createOperationMix(plan({ operations, seed }), ['read', 'write'], target, lane);
      return Array.from({ length: 200 }, () => draw().operation);
    };
    expect(sequence(1, 0, 3)).toEqual(sequence(1, 0, 3));
    expect(sequence(1, 0, 3)).not.toEqual(sequence(1, 0, 4));
    expect(sequence(1, 0, 3)).not.toEqual(sequence(2, 0, 3));
  });

  test('a class without operations is refused', () => {
    const writes = operations.filter((operation) => operation.class === 'write');
    expect(() => createOperationMix(plan({ operations: writes }), ['read'], target, [0])).toThrow(UsageError);
  });
});

describe('a request', () => {
  test('without placeholders is built once', () => {
    const { draw } = createOperationMix(plan({}), ['read'], target, [0]);
    expect(draw().request).toBe(draw().request);
    expect(draw().request).toEqual({
      text: 'GET /api/things?limit=20 HTTP/1.1\r\nhost: 127.0.0.1:3000\r\naccept: */*\r\n\r\n',
      encoding: 'latin1',
    });
  });

  test('encodes drawn values in the path, and once per request: path and body say the same', () => {
    const draw = drawer(
      { path: '/people/{name}/x?n={n}', method: 'PUT', body: { who: '{name}', n: '{n}' } },
      {
        name: { kind: 'choice', values: ['Ana López & Co/ñ', 'b'] },
        n: { kind: 'uniform', min: 1, max: 1e9 },
      },
    );
    for (let index = 0; index < 20; index += 1) {
      const { head, body } = draw();
      const { who, n } = JSON.parse(body) as { who: string; n: number };
      expect(head).toContain(`PUT /api/people/${encodeURIComponent(who)}/x?n=${n} HTTP/1.1\r\n`);
      expect(n).toBeTypeOf('number');
    }
  });

  test('counts the bytes of its body, not the characters', () => {
    const { head, body, encoding } = drawer({ method: 'POST', path: '/', body: { name: 'señora 😀' } }, {})();
    expect(encoding).toBe('utf8');
    expect(head).toContain(`content-length: ${Buffer.byteLength(body)}\r\n`);
    expect(JSON.parse(body)).toEqual({ name: 'señora 😀' });
  });

  test('keeps every JSON type, nests, and fills placeholders inside longer strings', () => {
    const { body } = drawer(
      {
        method: 'POST',
        path: '/',
        body: { a: [1, '{id}', null, true], b: { 'k"': 'id {id}, "{id}"' }, c: '{unknown} {', d: [] },
      },
      { id: { kind: 'choice', values: ['q"uote'] } },
    )();
    expect(JSON.parse(body)).toEqual({
      a: [1, 'q"uote', null, true],
      b: { 'k"': 'id q"uote, "q"uote"' },
      c: '{unknown} {',
      d: [],
    });
  });

  test('sends text that is not JSON as it is', () => {
    const { head, body } = drawer(
      {
        method: 'POST',
        path: '/',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        body: 'a=1&b={c}',
      },
      {},
    )();
    expect(body).toBe('a=1&b={c}');
    expect(head.match(/content-type/gi)).toHaveLength(1);
  });

  test.each([
    ['a placeholder without a key', { path: '/x/{nobody}' }, /\{nobody\}.*known keys: id/],
    ['a header that would split the request', { headers: { 'x-a': 'b\r\nx-c: d' } }, /bad header "x-a/],
    ['a header that the generator sets', { headers: { 'Content-Length': '4' } }, /leave it out/],
  ])('refuses %s', (_name, part, message) => {
    const make = () => drawer(part, { id: { kind: 'uniform', min: 1, max: 2 } });
    expect(make).toThrow(UsageError);
    expect(make).toThrow(message);
  });
});

describe('keys', () => {
  test('uniform reaches both ends, evenly', () => {
    const counts = new Map<string, number>();
    const draw = drawer({ path: '/{id}' }, { id: { kind: 'uniform', min: 5, max: 9 } });
    for (let index = 0; index < 10_000; index += 1) {
      const id = /\/api\/(\d+)/.exec(draw().head)?.[1] ?? '';
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(['5', '6', '7', '8', '9']);
    for (const count of counts.values()) expect(Math.abs(count - 2000)).toBeLessThan(5 * Math.sqrt(2000));
  });

  test('zipf starts at its minimum, the hottest key', () => {
    const counts = new Map<number, number>();
    const draw = drawer({ path: '/{id}' }, { id: { kind: 'zipf', min: 100, max: 199, exponent: 1 } });
    for (let index = 0; index < 10_000; index += 1) {
      const id = Number(/\/api\/(\d+)/.exec(draw().head)?.[1]);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    expect(Math.min(...counts.keys())).toBe(100);
    expect(Math.max(...counts.keys())).toBeLessThanOrEqual(199);
    // 1 / H(100) = 0.1928.
    expect(Math.abs((counts.get(100) ?? 0) - 1928)).toBeLessThan(5 * Math.sqrt(1928));
  });

  test('unique never repeats: not in a lane, between lanes, nor between slices', () => {
    const keys = { id: { kind: 'unique', prefix: 'c' } } as const;
    const seen = new Set<string>();
    for (const [sliceIndex, ...lane] of [
      [0, 0],
      [0, 1],
      [1, 0],
      [0, 0, 0],
      [0, 0, 1],
      [11, 0],
      [1, 1, 0],
    ]) {
      const draw = drawer({ path: '/{id}' }, keys, lane, sliceIndex ?? 0);
      for (let index = 0; index < 100; index += 1) seen.add(draw().head);
    }
    expect(seen.size).toBe(700);
  });
});

function plan(part: Partial<LoadPlan>): LoadPlan {
  return {
    baseUrl: 'http://127.0.0.1:3000/api',
    seed: 1,
    sliceIndex: 0,
    readShare: 1,
    operations: [{ name: 'list', class: 'read', weight: 1, method: 'GET', path: '/things?limit=20' }],
    keys: {},
    streams: [],
    timeoutMs: 1000,
    drainMs: 0,
    ...part,
  };
}

function drawer(
  operation: Partial<Operation>,
  keys: Readonly<Record<string, KeyDistribution>>,
  lane: readonly number[] = [0],
  sliceIndex = 0,
): () => { readonly head: string; readonly body: string; readonly encoding: string } {
  const operations = [
    { name: 'it', class: 'read', weight: 1, method: 'GET', path: '/', ...operation } satisfies Operation,
  ];
  const { draw } = createOperationMix(plan({ operations, keys, sliceIndex }), ['read'], target, lane);
  return () => {
    const { text, encoding } = draw().request;
    const end = text.indexOf('\r\n\r\n') + 4;
    return { head: text.slice(0, end), body: text.slice(end), encoding };
  };
}
