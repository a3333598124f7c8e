/**
 * What is believed of one node: a pure state machine, a circuit breaker with a doubtful state before it opens.
 *
 *     healthy -> suspect -> open -> half-open -> healthy
 *
 * A suspect node serves only when no better one does; an open one serves nothing; a half-open one gets one read at a
 * time until some have gone well.
 */
export type HealthState = 'healthy' | 'suspect' | 'open' | 'half-open';

export interface Health {
  readonly state: HealthState;
  /** Failures in a row. */
  readonly failures: number;
  /** Reads that went well while half-open. */
  readonly trials: number;
  /** How long the node rests before it is asked again; doubles each time that it does not answer then. */
  readonly restMs: number;
}

export type HealthEvent =
  /** A query was answered, be it with an error about the statement. */
  | 'answered'
  /** The probe's question was answered. */
  | 'probed'
  /** A connection for a query could not be made, or broke. */
  | 'failed'
  /** The probe's own connection could not be made, or broke. */
  | 'probe-failed'
  /** Nothing was heard for the longest time that a living node takes. */
  | 'silent';

export const initialHealth: Health = { state: 'healthy', failures: 0, trials: 0, restMs: 0 };

/** Failures in a row that open a node: one can be an administrator who ended one connection. */
const tolerated = 1;
/** Reads that must go well before a node is trusted again. */
const trialsNeeded = 3;
const firstRestMs = 250;
const longestRestMs = 2_000;

/** The same object when nothing changes. */
export function nextHealth(health: Health, event: HealthEvent): Health {
  switch (event) {
    case 'answered':
      return answered(health);
    case 'probed':
      if (health.state === 'open') return { ...health, state: 'half-open', trials: 0 };
      // A probe says nothing about reads: a half-open node has to serve some.
      return health.state === 'suspect' ? initialHealth : health;
    case 'failed':
      // One dying node breaks many connections: they are one failure, and it is known already.
      return health.state === 'open' ? health : failed(health);
    case 'probe-failed':
      return failed(health);
    case 'silent':
      return opened(health);
  }
}

function answered(health: Health): Health {
  if (health.state === 'suspect') return initialHealth;
  if (health.state !== 'half-open') return health;
  const trials = health.trials + 1;
  return trials >= trialsNeeded ? initialHealth : { ...health, trials };
}

function failed(health: Health): Health {
  return health.state === 'healthy' || (health.state === 'suspect' && health.failures < tolerated)
    ? { ...health, state: 'suspect', failures: health.failures + 1 }
    : opened(health);
}

function opened(health: Health): Health {
  const restMs = Math.min(longestRestMs, health.restMs === 0 ? firstRestMs : health.restMs * 2);
  return { state: 'open', failures: health.failures + 1, trials: 0, restMs };
}
