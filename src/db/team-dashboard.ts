/** What a team's supervisor looks at: who is there, and how the latest interactions went. */
import { QueryTypes } from 'sequelize';
import type { Database } from './connection.ts';
import type { Channel, UserStatus } from './schema.ts';

export interface TeamDashboard {
  readonly id: number;
  readonly name: string;
  readonly agents: Readonly<Partial<Record<UserStatus, number>>>;
  /** Over the last five interactions of each agent who could take the next contact. */
  readonly channels: Readonly<Partial<Record<Channel, ChannelSummary>>>;
  /** The five agents with most open interactions. */
  readonly busiest: readonly {
    readonly id: number;
    readonly name: string;
    readonly openInteractions: number;
  }[];
}

export interface ChannelSummary {
  readonly interactions: number;
  readonly averageSeconds: number;
  readonly longestSeconds: number;
}

/** Null when there is no such team. */
export async function readTeamDashboard(database: Database, teamId: number): Promise<TeamDashboard | null> {
  const rows = await database.sequelize.query<TeamDashboard>(dashboard, {
    type: QueryTypes.SELECT,
    bind: [teamId],
  });
  return rows[0] ?? null;
}

// One statement, so that one node answers and the figures fit together. The limit inside LATERAL keeps the
// cost a matter of the team's size alone: it does not grow while a benchmark inserts interactions.
const dashboard = `
  WITH members AS MATERIALIZED (
    SELECT id, name, status, open_interactions FROM users WHERE team_id = $1
  ), recent AS (
    SELECT latest.channel, count(*) AS interactions, round(avg(latest.duration_seconds))::int AS average_seconds,
      max(latest.duration_seconds) AS longest_seconds
    FROM members CROSS JOIN LATERAL (
      SELECT channel, duration_seconds FROM interactions WHERE user_id = members.id ORDER BY id DESC LIMIT 5
    ) AS latest
    WHERE members.status = 'AVAILABLE'
    GROUP BY latest.channel
  )
  SELECT teams.id, teams.name,
    (SELECT coalesce(json_object_agg(status, agents), '{}')
      FROM (SELECT status, count(*) AS agents FROM members GROUP BY status) AS by_status) AS agents,
    (SELECT coalesce(json_object_agg(channel, json_build_object('interactions', interactions,
        'averageSeconds', average_seconds, 'longestSeconds', longest_seconds)), '{}') FROM recent) AS channels,
    (SELECT coalesce(json_agg(json_build_object('id', id, 'name', name, 'openInteractions', open_interactions)), '[]')
      FROM (SELECT * FROM members ORDER BY open_interactions DESC, id LIMIT 5) AS loaded) AS busiest
  FROM teams WHERE id = $1`;
