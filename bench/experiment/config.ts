import type { Routing, Scenario } from '../model.ts';

/** How to reach one PostgreSQL node, as a URL and in parts. */
export interface Endpoint {
  readonly name: string;
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

/** What an application is told about the cluster that it is to use. */
export interface Connections {
  readonly primary: Endpoint;
  /** Empty in the primary-only arm. */
  readonly replicas: readonly Endpoint[];
  readonly routing: Routing;
  /** What else the arm's policy says, in the sample application's variables (`DB_MAX_LAG_MS` ...). */
  readonly settings: Readonly<Record<string, string>>;
  /** The port that the application must listen on, on 127.0.0.1. */
  readonly appPort: number;
}

export interface ApplicationConfig {
  /** Shown in reports; default: the name of the configuration's folder. */
  readonly name?: string;
  /** Starts the application and stays in the foreground; run by a shell. */
  readonly command: string;
  /** Working folder, relative to the configuration file. */
  readonly cwd?: string;
  /** The environment that names the cluster, in whatever words the application uses. */
  readonly env: (connections: Connections) => Readonly<Record<string, string>>;
  /** Path that answers 2xx once the application can serve, for example `/healthz`. */
  readonly ready: string;
  /** Prometheus metrics path; gives event-loop delay and pool figures in the report. */
  readonly metrics?: string;
  /** A fixed port, for an application that cannot be told one. Default: a free one. */
  readonly port?: number;
  /** Default 30 000 ms. */
  readonly readyTimeoutMs?: number;
}

/** Makes schema and data on the empty primary, once a run; every block starts from a copy of it. */
export type PrepareConfig =
  | {
      readonly command: string;
      readonly cwd?: string;
      readonly env?: (connections: Connections) => Readonly<Record<string, string>>;
    }
  /** Path of an SQL file, relative to the configuration file. */
  | { readonly sql: string };

export interface ReplibenchConfig {
  readonly app: ApplicationConfig;
  readonly prepare?: PrepareConfig;
  /** A built-in scenario's name, a path relative to the configuration file, or the scenario itself. */
  readonly scenario?: string | Scenario;
}

/** Gives `replibench.config.ts` its types; returns what it is given. */
export function defineConfig(config: ReplibenchConfig): ReplibenchConfig {
  return config;
}
