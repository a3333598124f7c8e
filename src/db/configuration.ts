/** What the environment says about the database: where it is, who reads where, how long to wait. */
import { z } from 'zod';
import { ConfigurationError, type Environment, parseEnvironment } from '../environment.ts';
import { readPasswordFile } from './password-file.ts';
import type { PolicyOptions } from './routing/index.ts';

/** One PostgreSQL server as the harness names it: `primary`, `replica1`, `replica2` ... */
export interface DatabaseNode {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

export type Routing = 'primary-only' | 'native' | 'balanced';

export interface DatabaseConfiguration {
  /** Name of this process in start-up lines and in pg_stat_activity. */
  readonly instance: string;
  /** `primary` first, then the replicas that reads go to; one node = single-host mode. */
  readonly nodes: readonly [primary: DatabaseNode, ...replicas: DatabaseNode[]];
  readonly routing: Routing;
  /** What `balanced` routing was asked to do otherwise than by default. */
  readonly policy: PolicyOptions;
  /** How clients carry what they have written and seen; null = nobody does. */
  readonly sessions: SessionConfiguration | null;
  /** Why reads go to the primary although replicas were asked for. */
  readonly warning: string | null;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly pool: {
    /** Connections of each pool: with replicas there is one pool for writes and one for all read hosts. */
    readonly max: number;
    /** Longest wait for a connection before the request is refused. */
    readonly acquireMs: number;
    /** Uses after which a connection is replaced. */
    readonly maxUses: number;
  };
  /** Longest time for TCP connect plus PostgreSQL's handshake. */
  readonly connectTimeoutMs: number;
  /** Longest time for one query, so that a stopped server cannot hold connections for ever. */
  readonly queryTimeoutMs: number;
}

/** Read-your-writes and monotonic reads: by a signed token in a cookie or a header, or by what Redis remembers. */
export type SessionConfiguration =
  | { readonly carrier: 'cookie' | 'header'; readonly secret: string }
  | { readonly carrier: 'redis' };

const required = z.string({ error: 'is not set' }).min(1, 'is empty');
const port = z.coerce
  .number('is not a port')
  .int('is not a port')
  .min(1, 'is not a port')
  .max(65_535, 'is not a port');
/** An empty variable is one that is not set, as compose files write it. */
const unlessEmpty = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional());
const notNegative = z.coerce.number('is not a number').min(0, 'is below 0');
const atLeastOne = z.coerce.number('is not a number').int('is not a whole number').min(1, 'is less than 1');

const variables = z.object({
  APP_NAME: z.string().min(1).default('app'),
  DB_HOST: required,
  DB_PORT: port.default(5432),
  DB_NAME: required,
  DB_USER: required,
  DB_PASSWORD: required,
  DB_PASSWORD_FILE: z.string().default(''),
  DB_ROUTING: z
    .enum(['primary-only', 'native', 'balanced'], 'is none of primary-only, native and balanced')
    .optional(),
  DB_POOL_MAX: atLeastOne.default(10),
  DB_POOL_ACQUIRE_MS: atLeastOne.default(5_000),
  DB_POOL_MAX_USES: atLeastOne.default(Number.MAX_SAFE_INTEGER),
  DB_CONNECT_TIMEOUT_MS: atLeastOne.default(2_000),
  DB_QUERY_TIMEOUT_MS: atLeastOne.default(10_000),
  DB_INCLUDE_PRIMARY: unlessEmpty(notNegative.max(1_000, 'is above 1000')),
  DB_MAX_LAG_MS: unlessEmpty(notNegative),
  DB_MAX_LAG_BYTES: unlessEmpty(notNegative),
  DB_READ_WAIT_MS: unlessEmpty(notNegative),
  DB_WHEN_STALE: z.enum(['reject', 'stale'], 'is neither reject nor stale').optional(),
  DB_FALLBACK_CONCURRENT: unlessEmpty(atLeastOne),
  DB_FALLBACK_PER_SECOND: unlessEmpty(atLeastOne),
  // Infinity is one, which z.number() does not take.
  DB_FALLBACK_SLOWDOWN: unlessEmpty(
    z
      .string()
      .transform(Number)
      .refine((factor) => factor >= 1, 'is not a number of 1 or more'),
  ),
  DB_PROBE_INTERVAL_MS: unlessEmpty(atLeastOne),
  DB_SILENCE_MS: unlessEmpty(atLeastOne),
  DB_WRITING_FUNCTIONS: z.string().optional(),
  DB_SESSIONS: z
    .enum(['none', 'cookie', 'header', 'redis'], 'is none of none, cookie, header and redis')
    .default('none'),
  DB_SESSION_SECRET: z.string().min(16, 'has less than 16 characters').optional(),
});

/** The password comes from a file, so it may not be given beside it: which of the two would hold? */
const variablesWithFile = variables.extend({
  DB_PASSWORD: z.literal('', 'and DB_PASSWORD_FILE are both set: set one of them').default(''),
});

/**
 * Reads `DB_HOST`, `DB_PORT`, `DB_NAME`, `DB_USER`, `DB_PASSWORD` or the file that `DB_PASSWORD_FILE`
 * names, `DB_REPLICA<n>_HOST`, `DB_REPLICA<n>_PORT` (any n from 1), `DB_ROUTING`, the pool's and
 * timeouts' variables, and those of `balanced` routing. Without DB_ROUTING it is `native` if there are replicas.
 * Throws ConfigurationError naming each variable that is missing or wrong; its PasswordFileError when
 * only the file is at fault.
 */
export function readDatabaseConfiguration(environment: Environment): DatabaseConfiguration {
  const values = parseEnvironment(
    environment['DB_PASSWORD_FILE'] ? variablesWithFile : variables,
    environment,
  );
  const routing = values.DB_ROUTING ?? 'native';
  const primary = { name: 'primary', host: values.DB_HOST, port: values.DB_PORT };
  const replicas = routing === 'primary-only' ? [] : readReplicas(environment);
  const nodes = [primary, ...replicas] as const;
  refuseDuplicates(nodes);
  const password = values.DB_PASSWORD || readPasswordFile('DB_PASSWORD_FILE', values.DB_PASSWORD_FILE);
  return {
    instance: values.APP_NAME,
    nodes: [primary, ...replicas],
    // Without replicas native routing is none at all, and a router of one node still has its timeouts.
    routing: routing === 'native' && replicas.length === 0 ? 'primary-only' : routing,
    policy: readPolicy(values),
    sessions: readSessions(values, routing),
    warning:
      values.DB_ROUTING !== undefined && routing !== 'primary-only' && replicas.length === 0
        ? `DB_ROUTING is ${routing}, but no DB_REPLICA<n>_HOST is set: every query goes to the primary`
        : null,
    database: values.DB_NAME,
    user: values.DB_USER,
    password,
    pool: {
      max: values.DB_POOL_MAX,
      acquireMs: values.DB_POOL_ACQUIRE_MS,
      maxUses: values.DB_POOL_MAX_USES,
    },
    connectTimeoutMs: values.DB_CONNECT_TIMEOUT_MS,
    queryTimeoutMs: values.DB_QUERY_TIMEOUT_MS,
  };
}

type Values = z.infer<typeof variables> | z.infer<typeof variablesWithFile>;

/** Only what was set, since a value `undefined` would hide a default. */
function readPolicy(values: Values): PolicyOptions {
  const readClass = defined({
    maxLagMs: values.DB_MAX_LAG_MS,
    maxLagBytes: values.DB_MAX_LAG_BYTES,
    waitMs: values.DB_READ_WAIT_MS,
    otherwise: values.DB_WHEN_STALE,
  });
  const fallback = defined({
    concurrent: values.DB_FALLBACK_CONCURRENT,
    perSecond: values.DB_FALLBACK_PER_SECOND,
    writeSlowdown: values.DB_FALLBACK_SLOWDOWN,
  });
  const rest = defined({
    includePrimary: values.DB_INCLUDE_PRIMARY,
    probeIntervalMs: values.DB_PROBE_INTERVAL_MS,
    silenceMs: values.DB_SILENCE_MS,
    writingFunctions: values.DB_WRITING_FUNCTIONS?.split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  });
  return { classes: { default: readClass }, fallback, ...rest };
}

type Defined<Given> = { [Key in keyof Given]?: Exclude<Given[Key], undefined> };

function defined<Given extends object>(given: Given): Defined<Given> {
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as Defined<Given>;
}

function readSessions(values: Values, routing: Routing): SessionConfiguration | null {
  const { DB_SESSIONS: carrier, DB_SESSION_SECRET: secret } = values;
  if (carrier === 'none') return null;
  if (routing !== 'balanced') {
    throw new ConfigurationError(
      `DB_SESSIONS is ${carrier}: that needs DB_ROUTING=balanced, and it is ${routing}`,
    );
  }
  if (carrier === 'redis') return { carrier };
  if (secret === undefined) {
    throw new ConfigurationError(
      `DB_SESSIONS is ${carrier}, but DB_SESSION_SECRET is not set: what signs its tokens`,
    );
  }
  return { carrier, secret };
}

/** A replica keeps the number of its variables, so DB_REPLICA2_HOST alone is `replica2`. */
function readReplicas(environment: Environment): readonly DatabaseNode[] {
  const numbers = Object.keys(environment).flatMap((name) => {
    const number = /^DB_REPLICA([1-9]\d*)_HOST$/.exec(name)?.[1];
    return number === undefined || !environment[name] ? [] : [Number(number)];
  });
  return numbers
    .sort((a, b) => a - b)
    .map((number) => {
      const portName = `DB_REPLICA${number}_PORT`;
      const parsed = parseEnvironment(z.object({ [portName]: port.default(5432) }), environment);
      return {
        name: `replica${number}`,
        host: environment[`DB_REPLICA${number}_HOST`] ?? '',
        port: parsed[portName] ?? 5432,
      };
    });
}

/** Two names for one server would make the count of reads per node a guess. */
function refuseDuplicates(nodes: readonly DatabaseNode[]): void {
  const seen = new Map<string, string>();
  for (const node of nodes) {
    const address = `${node.host}:${node.port}`;
    const other = seen.get(address);
    if (other !== undefined) {
      throw new ConfigurationError(
        `${other} and ${node.name} are the same server, ${address}: give each its own`,
      );
    }
    seen.set(address, node.name);
  }
}
