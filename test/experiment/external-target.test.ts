import { describe, expect, test } from 'vitest';
import { externalTarget, refuseExternalFlags } from '../../bench/experiment/external-target.ts';
import { loadScenario } from '../../bench/experiment/scenario-file.ts';
import type { Arm } from '../../bench/model.ts';

const scenario = await loadScenario('read-heavy', '/');
const baseline: Arm = { name: 'baseline', topology: 'external', replicas: 0, routing: 'primary-only' };
const replicated: Arm = { name: 'replicated', topology: 'external', replicas: 2, routing: 'native' };
const both = { arms: [baseline, replicated], scenario };
const urls = {
  primaryUrl: 'postgres://u:s3cret@p/d',
  replicaUrl: ['postgres://u:s3cret@r1/d', 'postgres://u:s3cret@r2/d'],
  baselineUrl: 'http://app:8080/',
  replicatedUrl: 'https://app2/base/',
};

test('flags say where everything is', () => {
  const target = externalTarget({ ...urls, allowWrites: true }, {}, both);
  expect(target.primary).toMatchObject({ name: 'primary', host: 'p' });
  expect(target.replicas.map(({ name, host }) => `${name} ${host}`)).toEqual(['replica1 r1', 'replica2 r2']);
  expect(target.applications).toEqual({ baseline: 'http://app:8080', replicated: 'https://app2/base' });
  expect(target.prepare).toBe(false);
});

test('the environment says the same, so that no password is on a command line', () => {
  const target = externalTarget(
    { allowWrites: true },
    {
      REPLIBENCH_PRIMARY_URL: 'postgres://u@p/d',
      REPLIBENCH_REPLICA_URLS: ' postgres://u@r1/d\npostgres://u@r2/d ',
      REPLIBENCH_BASELINE_URL: 'http://a',
      REPLIBENCH_REPLICATED_URL: 'http://b',
      PGPASSWORD: 's3cret',
    },
    both,
  );
  expect([target.primary, ...target.replicas].map(({ password }) => password)).toEqual([
    's3cret',
    's3cret',
    's3cret',
  ]);
});

describe('refused', () => {
  test.each([
    ['writes that nobody allowed', urls, /^the scenario read-heavy writes \(10 % .*--allow-writes/],
    ['no primary', {}, 'needs --primary-url (or REPLIBENCH_PRIMARY_URL in the environment)'],
    ['no replicas', { primaryUrl: urls.primaryUrl }, 'needs --replica-url'],
    [
      'no application of the baseline',
      { ...urls, allowWrites: true, baselineUrl: '' },
      'needs --baseline-url',
    ],
    [
      'credentials that would not be sent',
      { ...urls, allowWrites: true, baselineUrl: 'http://u:s3cret@app' },
      '--baseline-url: credentials in the URL are not sent',
    ],
  ])('%s', (_name, flags, message) => {
    expect(() => externalTarget(flags, {}, both)).toThrow(message);
    expect(() => externalTarget(flags, {}, both)).not.toThrow('s3cret');
  });

  test('a scenario that only reads needs no leave', () => {
    const reading = { ...both, scenario: { ...scenario, readShare: 1 } };
    expect(externalTarget(urls, {}, reading).prepare).toBe(false);
  });

  test('its flags with another topology', () => {
    expect(() => refuseExternalFlags({})).not.toThrow();
    expect(() => refuseExternalFlags({ prepare: true })).toThrow('--prepare is for --topology external only');
  });
});
