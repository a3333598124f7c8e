/** Which SELECTs a replica cannot or must not run, told from their text. */

export interface StatementRules {
  /** True when only the primary may run this text. */
  needsPrimary(sql: string): boolean;
  /** From now on texts like this one are the primary's: a replica has refused it. */
  remember(sql: string): void;
}

/** Shapes of refused texts; an application has a handful. */
const mostRemembered = 1_000;

/**
 * `functions`: names of functions that write, beyond those that PostgreSQL has itself. Of a text that it does not
 * see through, a function that writes and was not declared, a replica says SQLSTATE 25006 and nothing has happened;
 * the caller then asks the primary and has the text remembered.
 */
export function createStatementRules(functions: readonly string[] = []): StatementRules {
  const names = [...writingFunctions, ...functions.map(escapeName)].join('|');
  // Nearly every read has none of these words: one look at its text is all that it costs.
  const suspicious = new RegExp(`(?:^|\\W)(?:for|insert|update|delete|merge|into|${names})\\b`, 'i');
  const calls = new RegExp(`(?<![\\w$])(?:${names})"?\\s*\\(`, 'i');
  const refused = new Set<string>();
  return {
    needsPrimary(sql) {
      if (refused.size > 0 && refused.has(shapeOf(sql))) return true;
      if (firstWord.test(sql)) return true;
      if (!suspicious.test(sql)) return false;
      const code = withoutTexts(sql);
      return locks.test(code) || writes.test(code) || calls.test(code);
    },
    remember(sql) {
      if (refused.size < mostRemembered) refused.add(shapeOf(sql));
    },
  };
}

/** What is no query at all. */
const firstWord = /^[\s(]*(?!select\b|with\b|values\b|table\b|show\b|explain\b|--|\/\*)\w/i;

/** Row locks. Not the FOR of substring(x FOR 3). */
const locks = /\bfor\s+(?:no\s+key\s+update|update|key\s+share|share)\b/i;

/** Data-modifying CTEs, and SELECT ... INTO. */
const writes =
  /\b(?:insert\s+into|merge\s+into|delete\s+from|update\s+(?:only\s+)?[\w."]+(?:\s+(?:as\s+)?(?!set\b)\w+)?\s+set)\b|\binto\s+(?:temporary|temp|unlogged|table|[\w."]+)/i;

/** Sequences, advisory locks (they are the server's, so all must meet on one), notifications, ids, large objects. */
const writingFunctions = [
  'nextval',
  'setval',
  'currval',
  'lastval',
  'pg_(?:try_)?advisory_\\w+',
  'pg_notify',
  'txid_current',
  'pg_current_xact_id',
  'pg_current_wal_(?:lsn|insert_lsn|flush_lsn)',
  'pg_logical_emit_message',
  'lo_\\w+',
  'lowrite',
];

function escapeName(name: string): string {
  return name.replaceAll(/\W/g, '\\$&');
}

/** Without comments and literals, so that nothing in them looks like a keyword; quoted names stay as they are. */
function withoutTexts(sql: string): string {
  return sql.replaceAll(texts, (text) => {
    if (text.startsWith('"')) return text;
    return text.startsWith('--') || text.startsWith('/*') ? ' ' : "''";
  });
}

/** The same for all texts that differ in their values alone. */
function shapeOf(sql: string): string {
  return withoutTexts(sql).replaceAll(/\b\d+\b/g, '0');
}

/** Line and block comments, literals (E'' with backslashes, doubled quotes), dollar quotes, quoted names. */
const texts =
  /--[^\n]*|\/\*[\s\S]*?\*\/|\be'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|(\$(?:[a-z_]\w*)?\$)[\s\S]*?\1|"(?:[^"]|"")*"/gi;
