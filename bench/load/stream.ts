import type { ConnectTarget } from './http-connection.ts';
import type { RequestTarget } from './request-template.ts';
import type { Sessions } from './sessions.ts';
import type { Tracer } from './trace.ts';

/** What every stream of a plan shares. */
export interface StreamContext {
  readonly clock: () => number;
  readonly target: ConnectTarget & RequestTarget;
  /** Null where the plan has none. */
  readonly sessions: Sessions | null;
  /** Of open streams; null where the plan asks for none. */
  readonly tracer: Tracer | null;
}

/** Counts since the start. */
export interface StreamProgress {
  readonly due: number;
  readonly completed: number;
  readonly inFlight: number;
  readonly waiting: number;
}

/** A stream that is set up. Nothing is sent before `begin`. */
export interface StreamRun {
  /** @param originMs zero of the schedule on the clock's axis. */
  begin(originMs: number): void;
  /** Resolves when everything that was due has its outcome, or after `stop`. */
  readonly finished: Promise<void>;
  progress(nowMs: number): StreamProgress;
  /** Gives everything still open its outcome, as of now, and closes the connections. */
  stop(nowMs: number): void | Promise<void>;
}
