/** Contacts whose name begins with some words, the newest first. */
import { QueryTypes } from 'sequelize';
import type { Database } from './connection.ts';

export interface FoundContact {
  readonly id: number;
  readonly name: string;
  readonly email: string;
  readonly phone: string;
  readonly createdAt: Date;
}

/** Up to `limit` contacts; a first name alone makes PostgreSQL read and sort some 1,200 of 50,000 rows. */
export function searchContacts(database: Database, words: string, limit: number): Promise<FoundContact[]> {
  return database.sequelize.query<FoundContact>(search, {
    type: QueryTypes.SELECT,
    bind: [`${escapeLike(words.toLowerCase())}%`, limit],
  });
}

// lower(name) LIKE, not ILIKE: only that matches the index on lower(name).
const search = `
  SELECT id, name, email, phone, created_at AS "createdAt"
  FROM contacts
  WHERE lower(name) LIKE $1
  ORDER BY created_at DESC, id DESC
  LIMIT $2`;

/** What a user types is text, never a pattern. */
function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}
