import type { Finding, LoadResult, OperationResult, OutcomeCounts } from '../model.ts';
import { addOutcomes, countDue, summarizeLatency } from './latency.ts';

export interface LoadContext {
  /** Said before each message, for example `replicated, block 2, steady`; absent for a load on its own. */
  readonly where?: string;
  /** Rate asked of the open streams, requests per second; null when the load is closed loop alone. */
  readonly offeredRateHz: number | null;
  /** Whether latencies of this load are to be compared at the same offered rate. */
  readonly steady?: boolean;
}

/** Limits of {@link assessLoad}: beyond `invalid` the numbers are about the generator, not the system. */
export const loadLimits = {
  generatorCpuPercent: { invalid: 80 },
  /**
   * Multiples of the P95 response time, and floors in ms below which a limit never lies. One late turn
   * in a hundred touches the P99, not the P95: only a starved generator makes the load invalid.
   */
  eventLoopDelayP99: { warningShare: 0.5, warningFloorMs: 20, invalidShare: 2, invalidFloorMs: 50 },
  scheduleLagP99: { warningShare: 0.25, floorMs: 2 },
  /** P95 of the lag beyond this share of the P95 response time, with a generator that was late itself. */
  scheduleLagP95: { invalidShare: 0.5, floorMs: 5 },
  achievedShare: 0.98,
  /** Share of a slice that the median response time of a system that keeps up may take. */
  settledMedianShare: 0.04,
  errorShare: { warning: 0.001, invalid: 0.1 },
  /** Fewer answers than this leave fewer than five beyond the P95. */
  answersForP95: 100,
} as const;

/**
 * Whether the numbers of one load can be believed, before anybody reads them. Pure; every message says
 * what was seen, the limit, and what to do. Ids: `no-answers`, `generator-cpu`, `generator-event-loop`,
 * `schedule-lag`, `offered-rate-missed` (`overloaded` in a steady slice), `unsent`, `censored`, `error-ratio`, `few-answers`.
 *
 * A system that is too slow for the offered rate is a result, not a broken measurement: it makes a
 * warning. A generator that was too slow makes the load invalid.
 */
export function assessLoad(load: LoadResult, context: LoadContext): readonly Finding[] {
  const facts = gatherFacts(load);
  if (facts.answered === 0) {
    return [
      finding(
        context,
        'invalid',
        'no-answers',
        `no request got an answer (${countDue(facts.outcomes)} were due); check that the application is up and the paths are right`,
      ),
    ];
  }
  return checks.flatMap((check) => check(load, facts, context) ?? []);
}

interface LoadFacts {
  readonly outcomes: OutcomeCounts;
  /** Requests of open streams alone: only they have a schedule. */
  readonly open: OutcomeCounts;
  readonly answered: number;
  readonly responseP95Ms: number;
  readonly openP50Ms: number;
  readonly lagP95Ms: number | null;
  readonly lagP99Ms: number | null;
}

type Check = (load: LoadResult, facts: LoadFacts, context: LoadContext) => Finding | null;

const checks: readonly Check[] = [
  checkGeneratorCpu,
  checkEventLoop,
  checkScheduleLag,
  checkOfferedRate,
  checkUnsent,
  checkCensored,
  checkErrors,
  checkAnswerCount,
];

function gatherFacts(load: LoadResult): LoadFacts {
  const open = load.operations.filter((operation) => operation.loop === 'open');
  const outcomes = addOutcomes(load.operations.map((operation) => operation.outcomes));
  // The smallest P95 of the measured loops is what the generator's own delays must be small against.
  const p95s = [open, load.operations.filter((operation) => operation.loop === 'closed')]
    .map((operations) => summarizeLatency(operations.map((operation) => operation.responseTime)).p95Ms)
    .filter((p95Ms) => p95Ms !== null);
  const lag = summarizeLatency(open.map((operation) => operation.scheduleLag));
  return {
    outcomes,
    open: addOutcomes(open.map((operation) => operation.outcomes)),
    answered: outcomes.ok + outcomes['http-error'],
    responseP95Ms: p95s.length === 0 ? 0 : Math.min(...p95s),
    openP50Ms: summarizeLatency(open.map((operation) => operation.responseTime)).p50Ms ?? 0,
    lagP95Ms: lag.p95Ms,
    lagP99Ms: lag.p99Ms,
  };
}

function checkGeneratorCpu(load: LoadResult, _facts: LoadFacts, context: LoadContext): Finding | null {
  const { cpuPercent } = load.generator;
  const limit = loadLimits.generatorCpuPercent.invalid;
  if (cpuPercent <= limit) return null;
  return finding(
    context,
    'invalid',
    'generator-cpu',
    `the load generator used ${cpuPercent.toFixed(0)} % of its core (limit ${limit} %), so it may be the bottleneck itself; lower the rate or the connections, or give it more CPU`,
  );
}

function checkEventLoop(load: LoadResult, facts: LoadFacts, context: LoadContext): Finding | null {
  const delayMs = load.generator.eventLoopDelayP99Ms;
  const limits = loadLimits.eventLoopDelayP99;
  const over = (floorMs: number, share: number): boolean =>
    delayMs > Math.max(floorMs, share * facts.responseP95Ms);
  if (!over(limits.warningFloorMs, limits.warningShare)) return null;
  const severity = over(limits.invalidFloorMs, limits.invalidShare) ? 'invalid' : 'warning';
  return finding(
    context,
    severity,
    'generator-event-loop',
    `the generator's event loop was late by ${ms(delayMs)} at P99, against a P95 response time of ${ms(facts.responseP95Ms)}: part of the latency is the generator's own; lower the rate or free CPU for it`,
  );
}

function checkScheduleLag(load: LoadResult, facts: LoadFacts, context: LoadContext): Finding | null {
  const { lagP95Ms, lagP99Ms, responseP95Ms } = facts;
  if (lagP95Ms === null || lagP99Ms === null) return null;
  const { warningShare, floorMs } = loadLimits.scheduleLagP99;
  if (lagP99Ms <= Math.max(floorMs, warningShare * responseP95Ms)) return null;
  const seen = `requests left ${ms(lagP99Ms)} after their due time at P99 (P95 ${ms(lagP95Ms)}), against a P95 response time of ${ms(responseP95Ms)}`;
  // Late starts with an idle generator mean that the limit of requests in flight was reached: the system's doing.
  const ownDelay = generatorWasLate(load, lagP95Ms);
  const { invalidShare, floorMs: invalidFloorMs } = loadLimits.scheduleLagP95;
  if (ownDelay && lagP95Ms > Math.max(invalidFloorMs, invalidShare * responseP95Ms)) {
    return finding(
      context,
      'invalid',
      'schedule-lag',
      `${seen}: most of the latency is the generator's; lower the rate or free CPU for the generator`,
    );
  }
  return finding(
    context,
    'warning',
    'schedule-lag',
    `${seen}; response times count from the due time and so include it${ownDelay ? '; free CPU for the generator' : '; the limit of requests in flight was probably reached'}`,
  );
}

function generatorWasLate(load: LoadResult, lagP95Ms: number): boolean {
  const { cpuPercent, eventLoopDelayP99Ms } = load.generator;
  return cpuPercent > loadLimits.generatorCpuPercent.invalid || eventLoopDelayP99Ms > 0.25 * lagP95Ms;
}

function checkOfferedRate(load: LoadResult, facts: LoadFacts, context: LoadContext): Finding | null {
  // Against what was due, not rate x time: a Poisson schedule of 1,000 requests is 3 % off its rate by chance.
  const due = countDue(facts.open);
  if (due === 0 || context.offeredRateHz === null) return null;
  const inTime = load.operations
    .filter((operation) => operation.loop === 'open')
    .reduce((sum, operation) => sum + operation.inTime.ok + operation.inTime['http-error'], 0);
  // By Little's law so many are rightly still on their way when the schedule ends. A queue that grows
  // drives the median up with it, so only a median that is short against the slice is believed.
  const medianMs = Math.min(facts.openP50Ms, loadLimits.settledMedianShare * load.durationMs);
  const onTheirWay = (due / load.durationMs) * medianMs + 1;
  const share = Math.min(1, (inTime + onTheirWay) / due);
  if (share >= loadLimits.achievedShare) return null;
  return finding(
    context,
    'warning',
    context.steady === true ? 'overloaded' : 'offered-rate-missed',
    `only ${(share * 100).toFixed(1)} % of the ${due} due requests were answered before the slice ended (limit ${loadLimits.achievedShare * 100} %): the system did not keep up with ${context.offeredRateHz.toFixed(0)} requests/s, so their latencies grow with the length of the slice; lower the rate`,
  );
}

function checkUnsent(_load: LoadResult, facts: LoadFacts, context: LoadContext): Finding | null {
  const { unsent } = facts.outcomes;
  if (unsent === 0) return null;
  return finding(
    context,
    'warning',
    'unsent',
    `${unsent} of ${countDue(facts.outcomes)} due requests were never sent, because too many were in flight until the end; they count with the time they had waited: percentiles are lower bounds; lower the rate or raise the limit of requests in flight`,
  );
}

function checkCensored(_load: LoadResult, facts: LoadFacts, context: LoadContext): Finding | null {
  const due = countDue(facts.outcomes);
  const censored = facts.outcomes.timeout + facts.outcomes['in-flight-at-end'] + facts.outcomes.unsent;
  const share = censored / due;
  if (censored === 0) return null;
  const bounded =
    share >= 0.5
      ? 'every percentile from P50 on is'
      : share >= 0.05
        ? 'P95, P99 and max are'
        : share >= 0.01
          ? 'P99 and max are'
          : 'the maximum is';
  return finding(
    context,
    share >= 0.01 ? 'warning' : 'info',
    'censored',
    `${censored} of ${due} requests (${(share * 100).toFixed(2)} %) had no answer in time (${facts.outcomes.timeout} timed out, ${facts.outcomes['in-flight-at-end']} in flight at the end, ${facts.outcomes.unsent} unsent): ${bounded} a lower bound; raise the timeout or lower the rate`,
  );
}

function checkErrors(load: LoadResult, facts: LoadFacts, context: LoadContext): Finding | null {
  const due = countDue(facts.outcomes);
  const errors = facts.outcomes['http-error'] + facts.outcomes['connection-error'];
  const share = errors / due;
  if (share <= loadLimits.errorShare.warning) return null;
  const severity = share > loadLimits.errorShare.invalid ? 'invalid' : 'warning';
  return finding(
    context,
    severity,
    'error-ratio',
    `${errors} of ${due} requests (${(share * 100).toFixed(1)} %) failed: ${describeErrors(load.operations)}; an error is often faster than an answer, so read the latencies with care; see the application's log`,
  );
}

function checkAnswerCount(_load: LoadResult, facts: LoadFacts, context: LoadContext): Finding | null {
  if (facts.answered >= loadLimits.answersForP95) return null;
  return finding(
    context,
    'warning',
    'few-answers',
    `only ${facts.answered} answers: a P95 of so few rests on fewer than five of them; measure longer`,
  );
}

/** The operations and statuses with most failures first, for example `create-contact 12 x 503`. */
function describeErrors(operations: readonly OperationResult[]): string {
  return operations
    .flatMap((operation) => [
      ...Object.entries(operation.statuses)
        .filter(([status]) => Number(status) >= 400)
        .map(([status, count]) => ({ text: `${operation.name} ${count} x ${status}`, count })),
      {
        text: `${operation.name} ${operation.outcomes['connection-error']} x connection error`,
        count: operation.outcomes['connection-error'],
      },
    ])
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, 3)
    .map(({ text }) => text)
    .join(', ');
}

function finding(context: LoadContext, severity: Finding['severity'], id: string, text: string): Finding {
  const where = context.where === undefined ? '' : `${context.where}: `;
  return { severity, id, message: where + text };
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
}
