/** An agent's status changes. */
import type { Database } from './connection.ts';
import type { UserStatus } from './schema.ts';

/** Resolves to the team of the agent and its new version, or null when there is no such agent. */
export async function setUserStatus(
  { sequelize }: Database,
  userId: number,
  status: UserStatus,
): Promise<{ readonly teamId: number; readonly version: number } | null> {
  // Without a query type Sequelize takes the write pool; as a SELECT it would go to a replica.
  const [rows] = await sequelize.query(update, { bind: [userId, status] });
  return (rows as readonly { readonly teamId: number; readonly version: number }[])[0] ?? null;
}

const update = `
  UPDATE users SET status = $2, version = version + 1, updated_at = now() WHERE id = $1
  RETURNING team_id AS "teamId", version`;
