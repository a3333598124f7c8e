/** Gives a contact to the least loaded available agent of a team, in one transaction. */
import { QueryTypes } from 'sequelize';
import type { Database } from './connection.ts';

export interface Assignment {
  readonly interactionId: number;
  readonly agentId: number;
  readonly agentName: string;
  readonly openInteractions: number;
}

/** Why nobody was assigned. */
export type NotAssigned = 'no-team' | 'no-agent';

/** Throws Sequelize's ForeignKeyConstraintError when there is no such contact; nothing is written then. */
export function assignContact(
  database: Database,
  teamId: number,
  contactId: number,
): Promise<Assignment | NotAssigned> {
  const { sequelize, models } = database;
  // A transaction takes its connection from the write pool, its SELECT included.
  return sequelize.transaction(async (transaction) => {
    const [agent] = await sequelize.query<LoadedAgent>(leastLoadedAgent, {
      type: QueryTypes.SELECT,
      bind: [teamId],
      transaction,
    });
    if (agent === undefined) {
      const [team] = await sequelize.query(anyTeam, { type: QueryTypes.SELECT, bind: [teamId], transaction });
      return team === undefined ? 'no-team' : 'no-agent';
    }
    const interaction = await models.Interaction.create(
      { userId: agent.id, contactId, channel: 'phone', durationSeconds: 0, notes: 'assigned' },
      { transaction },
    );
    await sequelize.query(addOne, { type: QueryTypes.UPDATE, bind: [agent.id], transaction });
    const openInteractions = agent.openInteractions + 1;
    return { interactionId: interaction.id, agentId: agent.id, agentName: agent.name, openInteractions };
  });
}

interface LoadedAgent {
  readonly id: number;
  readonly name: string;
  readonly openInteractions: number;
}

// SKIP LOCKED: two assignments at once take two agents instead of queueing for the same one.
const leastLoadedAgent = `
  SELECT id, name, open_interactions AS "openInteractions"
  FROM users
  WHERE team_id = $1 AND role = 'AGENT' AND status = 'AVAILABLE'
  ORDER BY open_interactions, id
  LIMIT 1
  FOR NO KEY UPDATE SKIP LOCKED`;

const anyTeam = 'SELECT id FROM teams WHERE id = $1';

const addOne = `
  UPDATE users SET open_interactions = open_interactions + 1, version = version + 1, updated_at = now()
  WHERE id = $1`;
