import { describe, expect, test } from 'vitest';
import { commandLineOf } from '../../../bench/commands/command-line.ts';
import { parseServerUrl, redactUrl } from '../../../bench/topology/external/server-url.ts';

const of = { flag: '--primary-url', name: 'primary', role: 'primary' } as const;
const parse = (text: string, password?: string) => parseServerUrl(text, of, password);

describe('a server URL', () => {
  test('with everything in it', () => {
    expect(parse('postgres://us%40er:p%3Aw%2Fd@db.example:6432/shop?sslmode=verify-full')).toEqual({
      name: 'primary',
      role: 'primary',
      host: 'db.example',
      port: 6432,
      database: 'shop',
      user: 'us@er',
      password: 'p:w/d',
      tls: { rejectUnauthorized: true },
    });
  });

  test('with defaults, an IPv6 host, and the password from the environment', () => {
    expect(parse('postgresql://app@[::1]/shop', 'secret')).toEqual({
      name: 'primary',
      role: 'primary',
      host: '::1',
      port: 5432,
      database: 'shop',
      user: 'app',
      password: 'secret',
    });
  });

  test('as in libpq, "require" encrypts and asks nobody for a certificate', () => {
    expect(parse('postgres://a@h/d?sslmode=require').tls).toEqual({ rejectUnauthorized: false });
    expect(parse('postgres://a@h/d?sslmode=disable').tls).toBeUndefined();
  });

  test.each([
    ['mysql://a:s3cret@h/d', 'must begin with postgres://'],
    ['postgres://a:s3cret@h', 'has no database'],
    ['postgres://h/d', 'has no user'],
    ['postgres://a:s3cret@h:99999/d', 'is not a URL'],
    ['postgres://a:s3cret@h/d?sslmode=perhaps', 'sslmode=perhaps is not one of'],
  ])('%s is refused, without showing a password', (url, message) => {
    expect(() => parse(url)).toThrow(message);
    expect(() => parse(url)).not.toThrow('s3cret');
  });
});

test.each([
  ['postgres://a:p@ss:w/o?rd@h:1/d', 'postgres://a:***@h:1/d'],
  ['--primary-url=postgres://a:s3cret@h/d', '--primary-url=postgres://a:***@h/d'],
  ['postgres://h/d?user=a&password=s3cret&x=1', 'postgres://h/d?user=a&password=***&x=1'],
  ['http://127.0.0.1:8080/users', 'http://127.0.0.1:8080/users'],
  ['read-heavy', 'read-heavy'],
])('%s is shown as %s', (text, shown) => {
  expect(redactUrl(text)).toBe(shown);
});

test('the command line of a plan has no password', () => {
  expect(commandLineOf(['compare', '--replica-url', 'postgres://a:s3cret@h/d', '--out', 'my runs'])).toBe(
    "replibench compare --replica-url 'postgres://a:***@h/d' --out 'my runs'",
  );
});

test.each([
  ['API_TOKEN=abc.def', 'API_TOKEN=***'],
  ['DATABASE_URL=postgres://a:s3cret@h/d', 'DATABASE_URL=postgres://a:***@h/d'],
  ["secret_key='a b' DEBUG=1 node server.js", 'secret_key=*** DEBUG=1 node server.js'],
  ['SMTP_PASS=abc AWS_ACCESS_KEY=def node server.js', 'SMTP_PASS=*** AWS_ACCESS_KEY=*** node server.js'],
  ['INJECT=busy-loop:0.2', 'INJECT=busy-loop:0.2'],
])('a secret in %s is not shown', (argument, shown) => {
  expect(commandLineOf(['gate', argument]).replaceAll("'", '')).toBe(`replibench gate ${shown}`);
});

test('of a variable of the candidate the whole value is one, spaces included', () => {
  const given = [
    'gate',
    '--candidate-env',
    'DB_PASSWORD=correct horse',
    '--candidate-env',
    'GREETING=good day',
  ];
  expect(commandLineOf(given)).toBe(
    "replibench gate --candidate-env 'DB_PASSWORD=***' --candidate-env 'GREETING=good day'",
  );
});
