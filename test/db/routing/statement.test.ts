import { describe, expect, test } from 'vitest';
import { createStatementRules } from '../../../src/db/routing/statement.ts';

const rules = createStatementRules(['app.issue_number', 'touch']);

describe('the primary alone runs', () => {
  test.each([
    'SELECT * FROM users WHERE id = 1 FOR UPDATE',
    'select * from users for no key update skip locked',
    'SELECT * FROM users FOR\n SHARE',
    'SELECT * FROM users FOR KEY SHARE OF users',
    "SELECT nextval('users_id_seq')",
    'SELECT pg_catalog.nextval($1)',
    "SELECT setval('s', 1)",
    'SELECT pg_advisory_lock(1)',
    'SELECT pg_try_advisory_xact_lock(1, 2)',
    "SELECT pg_notify('a', 'b')",
    'WITH gone AS (DELETE FROM users WHERE id = 1 RETURNING *) SELECT * FROM gone',
    'with new as (insert into users default values returning id) select id from new',
    'WITH changed AS (UPDATE ONLY users AS u SET status = 1 RETURNING *) SELECT * FROM changed',
    'WITH m AS (MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE RETURNING *) SELECT * FROM m',
    'SELECT * INTO copies FROM users',
    'SELECT * INTO TEMP TABLE copies FROM users',
    'SELECT app.issue_number(1)',
    'SELECT "touch"(1)',
    'UPDATE users SET a = 1',
    'CREATE TABLE a (b int)',
    'CALL proc()',
  ])('%s', (sql) => {
    expect(rules.needsPrimary(sql)).toBe(true);
  });
});

describe('a replica may run', () => {
  test.each([
    'SELECT * FROM users WHERE id = 1',
    '  (SELECT 1) UNION (SELECT 2)',
    'WITH recent AS (SELECT * FROM interactions) SELECT * FROM recent',
    'VALUES (1)',
    'TABLE users',
    "SELECT * FROM notes WHERE text = 'please SELECT it FOR UPDATE'",
    "SELECT E'it\\'s for update'",
    "SELECT 'it''s nextval(1)'",
    'SELECT $$delete from users$$',
    'SELECT $tag$ insert into users $tag$',
    'SELECT 1 -- for update',
    'SELECT /* nextval(1) */ 1',
    'SELECT substring(name FOR 3) FROM users',
    'SELECT overlay(a placing b from 1 for 2)',
    'SELECT "update" FROM "for"',
    'SELECT updated_at, "set" FROM users ORDER BY updated_at',
    'SELECT touched FROM users',
    'SELECT my_nextval_count FROM stats',
    '/* first */ SELECT 1',
    '-- first\nSELECT 1',
  ])('%s', (sql) => {
    expect(rules.needsPrimary(sql)).toBe(false);
  });
});

test('what a replica has refused is the primary’s from then on, with other values, too', () => {
  const learning = createStatementRules();
  expect(learning.needsPrimary("SELECT audit(7, 'a')")).toBe(false);
  learning.remember("SELECT audit(7, 'a')");
  expect(learning.needsPrimary("SELECT audit(8, 'it''s')")).toBe(true);
  expect(learning.needsPrimary('SELECT other(7)')).toBe(false);
});
