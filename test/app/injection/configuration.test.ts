import { describe, expect, test } from 'vitest';
import { readInjection } from '../../../src/app/injection/configuration.ts';
import { ConfigurationError } from '../../../src/environment.ts';

describe('INJECT', () => {
  test.each([
    ['busy-loop:0.5', { kind: 'busy-loop', ms: 0.5 }],
    ['busy-loop:20', { kind: 'busy-loop', ms: 20 }],
    ['dropped-index', { kind: 'dropped-index', index: 'interactions_user_id' }],
    ['dropped-index:contacts_name_prefix', { kind: 'dropped-index', index: 'contacts_name_prefix' }],
    ['n-plus-one', { kind: 'n-plus-one' }],
    ['pool-of-1', { kind: 'pool-of-1' }],
  ])('%s', (text, injection) => {
    expect(readInjection({ INJECT: text })).toEqual(injection);
  });

  test('is off by default, and when it is empty', () => {
    expect(readInjection({})).toBeNull();
    expect(readInjection({ INJECT: '' })).toBeNull();
  });

  test.each([
    'busy-loop',
    'busy-loop:',
    'busy-loop:0',
    'busy-loop:-1',
    'busy-loop: 1',
    'busy-loop:1e2',
    'busy-loop:0x10',
    'busy-loop:Infinity',
    'busy-loop:1000.1',
    'busy-loop:1:2',
    'dropped-index:users_team_id',
    'dropped-index:',
    'n-plus-one:2',
    'pool-of-1:',
    'pool-of-2',
    'busy-loop:1,n-plus-one',
    ' ',
  ])('refuses "%s" with what was given and what to write instead', (text) => {
    const read = (): unknown => readInjection({ INJECT: text });
    expect(read).toThrow(ConfigurationError);
    expect(read).toThrow(`INJECT is "${text}": `);
    expect(read).toThrow(
      /busy-loop:0\.5|busy-loop:<ms>|interactions_user_id, contacts_name_prefix|takes no value/,
    );
  });
});
