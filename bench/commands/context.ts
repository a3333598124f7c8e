/** What a command gets from the only place that may touch the process: cli.ts. */
export interface CommandContext {
  readonly write: (text: string) => void;
  readonly isTty: boolean;
  readonly columns: number;
  readonly workingFolder: string;
  /** The command line as a reader would type it. */
  readonly commandLine: string;
  readonly version: string;
  /** Aborted by SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}
