import { type Json, type LoadPlan, type LoadStream, type Operation, UsageError } from '../model.ts';

/** Flags of `replibench load`, as commander hands them over. */
export interface LoadFlags {
  readonly rate: string;
  readonly duration: string;
  readonly arrivals: string;
  readonly connections: string;
  readonly closed?: true;
  readonly timeout: string;
  readonly method?: string;
  readonly header: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly seed: string;
  readonly json?: string;
}

export interface LoadRequest {
  readonly plan: LoadPlan;
  /** null = closed loop. */
  readonly offeredRateHz: number | null;
  readonly durationSeconds: number;
  /** For the reader, for example `200 requests/s, poisson arrivals`. */
  readonly description: string;
}

/**
 * The plan of one URL.
 * @throws UsageError naming the flag and its value.
 */
export function planLoad(urlText: string, flags: LoadFlags): LoadRequest {
  const url = parseUrl(urlText);
  const durationSeconds = parseNumber('--duration', flags.duration, { above: 0, to: 86_400 });
  const connections = parseNumber('--connections', flags.connections, { above: 0, to: 10_000, whole: true });
  const timeoutMs = parseNumber('--timeout', flags.timeout, { above: 0, to: 3_600_000 });
  const rateHz = parseNumber('--rate', flags.rate, { above: 0, to: 1_000_000 });
  const seed = parseNumber('--seed', flags.seed, { above: -1, to: 2 ** 31 - 1, whole: true });
  const { arrivals } = flags;
  if (arrivals !== 'poisson' && arrivals !== 'uniform') {
    throw new UsageError(`--arrivals ${arrivals}: must be poisson or uniform`);
  }
  const operation = buildOperation(url, flags);
  const classes = [operation.class];
  const durationMs = durationSeconds * 1000;
  const closed = flags.closed === true;
  const stream: LoadStream = closed
    ? { kind: 'closed', classes, connections, durationMs }
    : {
        kind: 'open',
        classes,
        arrivals,
        segments: [{ durationMs, fromHz: rateHz, toHz: rateHz }],
        maxInFlight: connections,
      };
  return {
    plan: {
      baseUrl: url.origin,
      seed,
      sliceIndex: 0,
      readShare: operation.class === 'read' ? 1 : 0,
      operations: [operation],
      keys: {},
      streams: [stream],
      timeoutMs,
      // As long as the last request may take, so that its outcome is known.
      drainMs: timeoutMs,
    },
    offeredRateHz: closed ? null : rateHz,
    durationSeconds,
    description: closed
      ? `${connections} connections, closed loop`
      : `${rateHz} requests/s, ${arrivals} arrivals, seed ${seed}`,
  };
}

/** Collects repeated `--header "name: value"`. */
export function collectHeader(
  text: string,
  before: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const colon = text.indexOf(':');
  if (colon <= 0) throw new UsageError(`--header ${text}: must look like "name: value"`);
  return { ...before, [text.slice(0, colon).trim()]: text.slice(colon + 1).trim() };
}

function parseUrl(text: string): URL {
  if (!URL.canParse(text))
    throw new UsageError(`<url> ${text}: not a URL; for example http://127.0.0.1:3000/`);
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new UsageError(`<url> ${text}: must start with http:// or https://`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new UsageError('<url>: holds a user name or password; send them as --header "authorization: ..."');
  }
  return url;
}

function parseNumber(
  flag: string,
  text: string,
  range: { readonly above: number; readonly to: number; readonly whole?: true },
): number {
  const value = Number(text);
  const fits = text.trim() !== '' && value > range.above && value <= range.to;
  if (!fits || (range.whole === true && !Number.isInteger(value))) {
    const kind = range.whole === true ? 'a whole number' : 'a number';
    throw new UsageError(`${flag} ${text}: must be ${kind} above ${range.above}, at most ${range.to}`);
  }
  return value;
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

function buildOperation(url: URL, flags: LoadFlags): Operation {
  const wanted = (flags.method ?? (flags.body === undefined ? 'GET' : 'POST')).toUpperCase();
  const method = methods.find((name) => name === wanted);
  if (method === undefined) {
    throw new UsageError(`--method ${flags.method}: must be one of ${methods.join(', ')}`);
  }
  // Braces would be placeholders.
  const path = `${url.pathname}${url.search}`.replaceAll('{', '%7B').replaceAll('}', '%7D');
  return {
    name: `${method} ${url.pathname}`,
    class: method === 'GET' || method === 'HEAD' ? 'read' : 'write',
    weight: 1,
    method,
    path,
    headers: flags.header,
    ...(flags.body === undefined ? {} : { body: parseBody(flags.body, flags.header) }),
  };
}

/** JSON unless a header says that it is something else; then the text goes out as it is. */
function parseBody(text: string, headers: Readonly<Record<string, string>>): Json {
  const type = Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1];
  if (type !== undefined && !/\bjson\b/i.test(type)) return text;
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new UsageError(
      `--body ${text}: is not JSON; for another kind of text add --header "content-type: ..."`,
      { cause },
    );
  }
}
