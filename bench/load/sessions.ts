/**
 * Sessions: what one client does, request after request. A session begins with a scheduled request, goes on with the
 * steps that the operation names, and sends back what its answers gave it to carry. Its requests never overlap, so
 * whatever it misses is the fault of who served it.
 */
import { type LoadPlan, type SessionStep, UsageError } from '../model.ts';
import type { HistoryRecorder } from './history.ts';
import type { DrawnRequest, OperationMix, Values } from './operation-mix.ts';
import type { WireRequest } from './request-template.ts';

/** One request of a session. */
export interface Visit {
  readonly session: Session;
  readonly entity: string;
}

export interface Session {
  readonly id: number;
  /** Values of the first request's keys. */
  readonly values: Values;
  readonly steps: readonly Step[];
  /** Steps done or begun. */
  done: number;
  /** What answers gave it to carry, by name; of a header that is no cookie the name is ''. */
  readonly carried: Map<string, string>;
}

interface Step extends SessionStep {
  /** Index in the plan's operations. */
  readonly index: number;
}

export interface NextStep {
  readonly session: Session;
  readonly index: number;
  readonly afterMs: number;
}

/** What a loop needs to know of an answer. */
export interface SessionAnswer {
  /** Values of `wanted`. */
  readonly values: readonly string[];
  readonly servedBy: string;
}

export interface Sessions {
  /** Names of the headers of answers that are needed. */
  readonly wanted: readonly string[];
  begin(drawn: DrawnRequest): Visit;
  /** The request of a step, drawn from the mix of its loop. */
  step(next: NextStep, mix: OperationMix): { readonly drawn: DrawnRequest; readonly visit: Visit };
  /** With what the session carries. */
  stamp(request: WireRequest, session: Session): WireRequest;
  /** Takes a good answer; what the session does next, null = nothing. */
  answered(
    visit: Visit,
    operation: number,
    answer: SessionAnswer,
    startedMs: number,
    endedMs: number,
  ): NextStep | null;
}

/** Null where no operation has versions or steps, and nothing is carried: then nobody pays for it. */
export function createSessions(plan: LoadPlan, history: HistoryRecorder): Sessions | null {
  const { operations, carry } = plan;
  if (
    carry === undefined &&
    operations.every(({ version, steps }) => version === undefined && steps === undefined)
  ) {
    return null;
  }
  const wanted = [
    ...new Set([
      ...(carry === undefined ? [] : [carry.toLowerCase()]),
      ...operations.flatMap(({ version }) => (version === undefined ? [] : [version.header.toLowerCase()])),
    ]),
  ];
  const steps = operations.map(({ name, steps: own = [] }) =>
    own.map((step) => {
      const index = operations.findIndex((operation) => operation.name === step.operation);
      if (index < 0) {
        throw new UsageError(
          `operation "${name}": there is no operation "${step.operation}" that could follow it`,
        );
      }
      return { ...step, index };
    }),
  );
  const versionHeader = operations.map(({ version }) =>
    version === undefined ? -1 : wanted.indexOf(version.header.toLowerCase()),
  );
  const isCookie = carry?.toLowerCase() === 'set-cookie';
  let sessions = 0;

  return {
    wanted,
    begin({ operation, entity, values }) {
      sessions += 1;
      const session: Session = {
        id: sessions,
        values,
        steps: steps[operation] ?? [],
        done: 0,
        carried: new Map(),
      };
      return { session, entity };
    },
    step({ session, index }, mix) {
      const { keys = {} } = session.steps[session.done - 1] ?? {};
      const drawn = mix.step(index, renamed(session.values, keys));
      return { drawn, visit: { session, entity: drawn.entity } };
    },
    stamp(request, { carried }) {
      if (carried.size === 0 || carry === undefined) return request;
      const line = isCookie
        ? `cookie: ${[...carried].map(([name, value]) => `${name}=${value}`).join('; ')}`
        : `${carry}: ${carried.get('')}`;
      const start = request.text.indexOf('\r\n') + 2;
      return { ...request, text: `${request.text.slice(0, start)}${line}\r\n${request.text.slice(start)}` };
    },
    answered({ session, entity }, operation, { values, servedBy }, startedMs, endedMs) {
      if (carry !== undefined) take(session, values[0] ?? '', isCookie);
      const header = versionHeader[operation] ?? -1;
      if (header >= 0) {
        history.add({
          ...{ session: session.id, operation, entity, servedBy, startedMs, endedMs },
          version: values[header] ?? '',
        });
      }
      const next = session.steps[session.done];
      if (next === undefined) return null;
      session.done += 1;
      return { session, index: next.index, afterMs: next.afterMs ?? 0 };
    },
  };
}

function take(session: Session, value: string, isCookie: boolean): void {
  if (value === '') return;
  if (!isCookie) {
    // Of a header that was sent twice the last one holds; a line break would end the next request's head.
    session.carried.set('', value.split('\n').at(-1) ?? '');
    return;
  }
  for (const line of value.split('\n')) {
    const [, name, content] = /^([^=;]+)=([^;]*)/.exec(line) ?? [];
    if (name === undefined || content === undefined) continue;
    if (/;\s*max-age=0\b/i.test(line)) session.carried.delete(name.trim());
    else session.carried.set(name.trim(), content.trim());
  }
}

/** `keys`: name in the step -> name in the first request. */
function renamed(values: Values, keys: Readonly<Record<string, string>>): Values {
  const names = Object.entries(keys);
  if (names.length === 0) return values;
  const all = new Map(values);
  for (const [own, first] of names) {
    const value = values.get(first);
    if (value !== undefined) all.set(own, value);
  }
  return all;
}
