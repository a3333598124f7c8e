/** URLs of PostgreSQL servers, as people write them, and never shown with their password. */
import { type NodeAddress, type NodeRole, UsageError } from '../../model.ts';

/**
 * `postgres://user:password@host:port/database?sslmode=...`. The password may come from `password` instead
 * (PGPASSWORD). As in libpq, `require` encrypts without asking who answers, `verify-full` asks.
 * @throws UsageError naming the flag, without the password
 */
export function parseServerUrl(
  text: string,
  of: { readonly flag: string; readonly name: string; readonly role: NodeRole },
  password: string | undefined,
): NodeAddress {
  const fault = (what: string) => new UsageError(`${of.flag} ${redactUrl(text)}: ${what}`);
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new UsageError(`${of.flag} ${redactUrl(text)}: is not a URL (postgres://user@host:5432/database)`, {
      cause,
    });
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')
    throw fault('must begin with postgres://');
  if (url.hostname === '') throw fault('has no host');
  if (url.username === '') throw fault('has no user');
  const database = decode(url.pathname.slice(1));
  if (database === '') throw fault('has no database');
  const tls = tlsOf(url.searchParams.get('sslmode'), fault);
  return {
    ...{ name: of.name, role: of.role, database },
    // An IPv6 address stands in brackets in a URL only.
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port || 5432),
    user: decode(url.username),
    password: decode(url.password) || (password ?? ''),
    ...(tls === undefined ? {} : { tls }),
  };
}

/** The text with every password in a URL, or in its query, as `***`; fit for a plan and a report. */
export function redactUrl(text: string): string {
  return text
    .replaceAll(/(\b[a-z][\w+.-]*:\/\/[^\s:@/?#]*):\S*@/gi, '$1:***@')
    .replaceAll(/([?&]\w*password=)[^&\s]*/gi, '$1***');
}

function tlsOf(mode: string | null, fault: (what: string) => Error): NodeAddress['tls'] {
  switch (mode) {
    case null:
    case 'disable':
      return undefined;
    case 'require':
    case 'no-verify':
      return { rejectUnauthorized: false };
    case 'verify-ca':
    case 'verify-full':
      return { rejectUnauthorized: true };
    default:
      throw fault(`sslmode=${mode} is not one of disable, require, verify-full`);
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a percent sign that was meant as it stands
  }
}
