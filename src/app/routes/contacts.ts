import { json, type Router } from 'express';
import { z } from 'zod';
import type { Database } from '../../db/connection.ts';
import { searchContacts } from '../../db/contact-search.ts';
import { answer } from '../answer.ts';
import { limit } from '../input.ts';

const searchQuery = z.object({
  q: z.string('must be given once').trim().min(2, 'must have at least 2 characters').max(100, 'is too long'),
  limit,
});

const newContact = z.object({
  name: z.string('must be a text').trim().min(1, 'must not be empty').max(200, 'is too long'),
  email: z.email('must be an e-mail address').max(254, 'is too long'),
  phone: z.string('must be a text').regex(/^\+?[0-9 ()-]{6,20}$/, 'must be a telephone number'),
});

/** Customers: search by the beginning of a name, and a new one. */
export function addContactRoutes(router: Router, database: Database): void {
  router.get(
    '/contacts',
    answer(200, (request) => {
      const { q, limit } = searchQuery.parse(request.query);
      return searchContacts(database, q, limit);
    }),
  );

  router.post(
    '/contacts',
    json({ limit: '4kb' }),
    answer(201, (request) => database.models.Contact.create(newContact.parse(request.body))),
  );
}
