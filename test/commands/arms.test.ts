import { describe, expect, test } from 'vitest';
import { parseArms } from '../../bench/commands/arms.ts';
import type { ExperimentFlags } from '../../bench/commands/experiment-options.ts';
import { UsageError } from '../../bench/model.ts';

const flags = { topology: 'embedded', replicas: 2 } as ExperimentFlags;
const parse = (text: string) => parseArms(text, flags);

describe('--arms', () => {
  test('names routing and nodes', () => {
    expect(parse('baseline,native, balanced')).toEqual([
      { name: 'baseline', topology: 'embedded', replicas: 0, routing: 'primary-only' },
      { name: 'native', topology: 'embedded', replicas: 2, routing: 'native' },
      { name: 'balanced', topology: 'embedded', replicas: 2, routing: 'balanced' },
    ]);
  });

  test.each([
    ['primary', { DB_INCLUDE_PRIMARY: '1' }],
    ['primary:0.5', { DB_INCLUDE_PRIMARY: '0.5' }],
    ['ryw', { DB_SESSIONS: 'header' }],
    ['lag:50ms', { DB_MAX_LAG_MS: '50' }],
    ['lag:2s', { DB_MAX_LAG_MS: '2000' }],
    ['lag:64kB', { DB_MAX_LAG_BYTES: '64000' }],
    ['wait:20ms', { DB_READ_WAIT_MS: '20' }],
    ['reject', { DB_WHEN_STALE: 'reject' }],
    ['cap:2', { DB_FALLBACK_CONCURRENT: '2' }],
    ['rate:500', { DB_FALLBACK_PER_SECOND: '500' }],
    ['ryw+lag:50ms', { DB_SESSIONS: 'header', DB_MAX_LAG_MS: '50' }],
  ])('balanced+%s says %o', (part, settings) => {
    const [arm] = parse(`balanced+${part}`);
    expect(arm).toMatchObject({ name: `balanced+${part}`, routing: 'balanced', settings });
  });

  test('takes replicas away', () => {
    expect(parse('balanced+replicas:0')[0]).toMatchObject({ replicas: 0, routing: 'balanced' });
    expect(parse('native+replicas:1')[0]).toMatchObject({ replicas: 1 });
  });

  test.each([
    ['balance', /"balance" is no arm: there are baseline/],
    ['baseline,baseline', /baseline is there twice/],
    ['native+ryw', /native\+ryw: \+ryw goes with balanced alone/],
    ['balanced+lag', /\+lag needs a time/],
    ['balanced+lag:50', /\+lag:50 needs a time, 50ms or 2s/],
    ['balanced+primary:0', /needs a number above 0/],
    ['balanced+cap:many', /needs a number above 0/],
    ['balanced+cap:0', /needs a number above 0/],
    ['balanced+ryw:2', /takes no value/],
    ['constructor', /"constructor" is no arm/],
    ['balanced+fast', /\+fast is not understood/],
    ['native+replicas:3', /more than the 2 of --replicas/],
    ['', /"" is no arm/],
  ])('%j is refused', (text, message) => {
    expect(() => parse(text)).toThrow(UsageError);
    expect(() => parse(text)).toThrow(message);
  });
});
