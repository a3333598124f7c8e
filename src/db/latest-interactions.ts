/** The latest conversations of an agent, newest first. */

import type { Database } from './connection.ts';
import type { Interaction } from './models.ts';

/** At most `limit`; an agent without any, and one that does not exist, have none. */
export type ReadLatestInteractions = (
  database: Database,
  userId: number,
  limit: number,
) => Promise<readonly Interaction[]>;

/** One query. */
export const readLatestInteractions: ReadLatestInteractions = ({ models }, userId, limit) =>
  models.Interaction.findAll({ where: { userId }, order: [['id', 'DESC']], limit, raw: true });

/**
 * An injected fault: the same rows by one query for their ids and one more for each. A row that is deleted between
 * the two is left out.
 */
export const readLatestInteractionsOneByOne: ReadLatestInteractions = async ({ models }, userId, limit) => {
  const ids = await models.Interaction.findAll({
    attributes: ['id'],
    where: { userId },
    order: [['id', 'DESC']],
    limit,
    raw: true,
  });
  const rows: Interaction[] = [];
  for (const { id } of ids) {
    const row = await models.Interaction.findByPk(id, { raw: true });
    if (row !== null) rows.push(row);
  }
  return rows;
};
