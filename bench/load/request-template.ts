import { type Json, type Operation, UsageError } from '../model.ts';
import type { DrawKey } from './keys.ts';

/** One request, ready for the wire. `latin1` is the cheapest encoding and right for ASCII. */
export interface WireRequest {
  readonly text: string;
  readonly encoding: 'latin1' | 'utf8';
}

export interface RequestTarget {
  /** Value of the Host header. */
  readonly host: string;
  /** Path that goes before each operation's path, without a trailing slash. */
  readonly pathPrefix: string;
}

/**
 * Prepares everything of an operation's requests that does not change, so that one request costs a few
 * string joins; a request without placeholders is built once.
 * @throws UsageError for a placeholder in the path that `keys` does not have, and for a bad header.
 */
export function compileRequest(
  operation: Operation,
  target: RequestTarget,
  keys: Readonly<Record<string, DrawKey>>,
): () => WireRequest {
  const names: string[] = [];
  const path = compilePath(operation, target.pathPrefix, keys, names);
  const body = operation.body === undefined ? null : compileBody(operation, operation.body, keys, names);
  const head = headLines(operation, target.host);
  const draws = names.map((name) => keys[name] as DrawKey);
  const values: (string | number)[] = new Array(draws.length);

  const build = (): WireRequest => {
    // In the order of first appearance, once per request: the same key in path and body is the same value.
    for (let index = 0; index < draws.length; index += 1) values[index] = (draws[index] as DrawKey)();
    const start = `${operation.method} ${path(values)}${head}`;
    if (body === null) return { text: `${start}\r\n`, encoding: 'latin1' };
    const content = body(values);
    const length = Buffer.byteLength(content);
    return {
      text: `${start}content-length: ${length}\r\n\r\n${content}`,
      encoding: length === content.length ? 'latin1' : 'utf8',
    };
  };
  if (draws.length > 0) return build;
  const constant = build();
  return () => constant;
}

type Render = (values: readonly (string | number)[]) => string;

const placeholder = /\{(\w+)\}/g;

function compilePath(
  operation: Operation,
  prefix: string,
  keys: Readonly<Record<string, DrawKey>>,
  names: string[],
): Render {
  const parts: (string | number)[] = [prefix];
  let end = 0;
  for (const match of operation.path.matchAll(placeholder)) {
    const name = match[1] as string;
    if (!Object.hasOwn(keys, name)) {
      throw new UsageError(
        `operation "${operation.name}": its path has {${name}}, but there is no key of that name; ` +
          `known keys: ${Object.keys(keys).join(', ') || 'none'}`,
      );
    }
    parts.push(encodeSpaces(operation.path.slice(end, match.index)), indexOfName(names, name));
    end = match.index + match[0].length;
  }
  parts.push(encodeSpaces(operation.path.slice(end)));
  return join(parts, (value) => encodeURIComponent(value));
}

function compileBody(
  operation: Operation,
  body: Json,
  keys: Readonly<Record<string, DrawKey>>,
  names: string[],
): Render {
  const raw = typeof body === 'string' && !isJson(contentType(operation));
  const parts: (string | number)[] = raw ? [body] : [];
  if (!raw) compileJson(body, keys, names, parts);
  return join(parts, (value) => JSON.stringify(value));
}

/** Appends JSON text and, where a value is to be drawn, the index of its key. */
function compileJson(
  json: Json,
  keys: Readonly<Record<string, DrawKey>>,
  names: string[],
  parts: (string | number)[],
): void {
  if (typeof json === 'string') {
    compileString(json, keys, names, parts);
  } else if (isArray(json)) {
    parts.push('[');
    json.forEach((item, index) => {
      if (index > 0) parts.push(',');
      compileJson(item, keys, names, parts);
    });
    parts.push(']');
  } else if (typeof json === 'object' && json !== null) {
    parts.push('{');
    Object.entries(json).forEach(([key, value], index) => {
      parts.push(`${index > 0 ? ',' : ''}${JSON.stringify(key)}:`);
      compileJson(value, keys, names, parts);
    });
    parts.push('}');
  } else {
    parts.push(JSON.stringify(json));
  }
}

/** `"{key}"` becomes the value with its own type; `"a {key} b"` a string that holds it. */
function compileString(
  text: string,
  keys: Readonly<Record<string, DrawKey>>,
  names: string[],
  parts: (string | number)[],
): void {
  const whole = /^\{(\w+)\}$/.exec(text)?.[1];
  if (whole !== undefined && Object.hasOwn(keys, whole)) {
    parts.push(indexOfName(names, whole));
    return;
  }
  parts.push('"');
  let end = 0;
  for (const match of text.matchAll(placeholder)) {
    const name = match[1] as string;
    if (!Object.hasOwn(keys, name)) continue;
    parts.push(quoteless(text.slice(end, match.index)), -1 - indexOfName(names, name));
    end = match.index + match[0].length;
  }
  parts.push(`${quoteless(text.slice(end))}"`);
}

/**
 * Parts: text as it is; n >= 0 the value of key n; n < 0 the value of key -1 - n inside a JSON string.
 */
function join(parts: readonly (string | number)[], show: (value: string | number) => string): Render {
  const merged: (string | number)[] = [];
  for (const part of parts) {
    const last = merged.length - 1;
    if (typeof part === 'string' && typeof merged[last] === 'string') merged[last] = merged[last] + part;
    else merged.push(part);
  }
  return (values) => {
    let text = '';
    for (const part of merged) {
      if (typeof part === 'string') text += part;
      else if (part >= 0) text += show(values[part] as string | number);
      else text += quoteless(String(values[-1 - part]));
    }
    return text;
  };
}

function quoteless(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function indexOfName(names: string[], name: string): number {
  const known = names.indexOf(name);
  return known >= 0 ? known : names.push(name) - 1;
}

function headLines(operation: Operation, host: string): string {
  const headers: Record<string, string> = { host, accept: '*/*' };
  if (operation.body !== undefined) headers['content-type'] = 'application/json';
  for (const [name, value] of Object.entries(operation.headers ?? {})) {
    if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(name) || !/^[\t\x20-\x7e]*$/.test(value)) {
      throw new UsageError(`operation "${operation.name}": bad header "${name}: ${value}"`);
    }
    if (/^(content-length|transfer-encoding|connection)$/i.test(name)) {
      throw new UsageError(
        `operation "${operation.name}": header "${name}" is set by the generator; leave it out`,
      );
    }
    headers[name.toLowerCase()] = value;
  }
  return ` HTTP/1.1\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}`;
}

function contentType(operation: Operation): string {
  const given = Object.entries(operation.headers ?? {}).find(
    ([name]) => name.toLowerCase() === 'content-type',
  );
  return given?.[1] ?? 'application/json';
}

function isJson(type: string): boolean {
  return /\bjson\b/i.test(type);
}

/** A path must hold no space and no control character, or the request line breaks. */
function encodeSpaces(text: string): string {
  return text.replace(/[^\x21-\x7e]+/g, (bad) => encodeURIComponent(bad));
}

function isArray(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}
