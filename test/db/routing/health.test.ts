import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Health, type HealthEvent, initialHealth, nextHealth } from '../../../src/db/routing/health.ts';

const stateAfter = (...events: readonly HealthEvent[]): Health =>
  events.reduce((health, event) => nextHealth(health, event), initialHealth);

describe('a node', () => {
  test('is suspect after one failure and open after the next', () => {
    expect(stateAfter('failed').state).toBe('suspect');
    expect(stateAfter('failed', 'failed').state).toBe('open');
  });

  test.each(['answered', 'probed'] as const)('that was suspect is healthy again when it has %s', (event) => {
    expect(stateAfter('failed', event)).toEqual(initialHealth);
  });

  test('of which nothing is heard is open at once', () => {
    expect(stateAfter('silent').state).toBe('open');
  });

  test('that is open is on trial after a probe, and healthy after three reads', () => {
    expect(stateAfter('silent', 'probed').state).toBe('half-open');
    expect(stateAfter('silent', 'probed', 'probed', 'probed', 'probed').state).toBe('half-open');
    expect(stateAfter('silent', 'probed', 'answered', 'answered').state).toBe('half-open');
    expect(stateAfter('silent', 'probed', 'answered', 'answered', 'answered')).toEqual(initialHealth);
  });

  test('that fails on trial rests for longer each time, up to two seconds', () => {
    const rests: number[] = [];
    let health = stateAfter('silent');
    for (let round = 0; round < 8; round += 1) {
      rests.push(health.restMs);
      health = nextHealth(nextHealth(health, 'probed'), 'failed');
    }
    expect(rests).toEqual([250, 500, 1_000, 2_000, 2_000, 2_000, 2_000, 2_000]);
  });

  test('that is open is not put further away by each of its connections that breaks, but by each silent rest', () => {
    expect(stateAfter('silent', 'failed', 'failed', 'failed').restMs).toBe(250);
    expect(stateAfter('silent', 'probe-failed', 'probe-failed').restMs).toBe(1_000);
    expect(stateAfter('probe-failed', 'probe-failed').state).toBe('open');
  });

  test('never serves straight from open', () => {
    const events = fc.array(
      fc.constantFrom<HealthEvent>('answered', 'probed', 'failed', 'probe-failed', 'silent'),
    );
    fc.assert(
      fc.property(events, (list) => {
        let health = initialHealth;
        for (const event of list) {
          const next = nextHealth(health, event);
          if (health.state === 'open') expect(['open', 'half-open']).toContain(next.state);
          if (event === 'silent') expect(next.state).toBe('open');
          health = next;
        }
      }),
    );
  });
});
