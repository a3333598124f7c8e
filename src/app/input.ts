/** Shapes of input that several routes share; each message reads on from the field's name. */
import { z } from 'zod';

/** PostgreSQL's integer. */
const largestId = 2 ** 31 - 1;
const idMessage = `must be a whole number from 1 to ${largestId}`;

/** An id in a path. Digits only: "1e3" and "0x10" are numbers to JavaScript, but no ids. */
const pathNumber = z
  .string()
  .regex(/^[1-9]\d{0,9}$/, idMessage)
  .transform(Number)
  .refine((id) => id <= largestId, idMessage);

export const pathId = z.object({ id: pathNumber });

/** An id in a JSON body. */
export const bodyId = z.number(idMessage).int(idMessage).min(1, idMessage).max(largestId, idMessage);

const limitMessage = 'must be a whole number from 1 to 100';

export const defaultLimit = 20;

/** How many rows a list returns. */
export const limit = z
  .string(limitMessage)
  .regex(/^[1-9]\d?$|^100$/, limitMessage)
  .transform(Number)
  .default(defaultLimit);
