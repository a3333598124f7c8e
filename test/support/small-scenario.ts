import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeyDistribution, Scenario } from '../../bench/model.ts';
import readHeavy from '../../scenarios/read-heavy.ts';

const data = { seed: 7, users: 500, teams: 5, contacts: 500, interactions: 1_500 };

/**
 * The contact centre with little data and few connections: a whole run of it takes little time. What a
 * starved machine does to its latencies and errors ends no run.
 */
export const smallScenario: Scenario = {
  ...readHeavy,
  name: 'small',
  data,
  keys: {
    ...readHeavy.keys,
    userId: within(data.users),
    hotUserId: within(data.users),
    teamId: within(data.teams),
    contactId: within(data.contacts),
  },
  load: { ...readHeavy.load, saturationConnections: 8, timeoutMs: 30_000 },
  objectives: [],
};

/** Writes it into a folder and returns the path for `--scenario`. */
export async function writeSmallScenario(folder: string): Promise<string> {
  const path = join(folder, 'small.json');
  await writeFile(path, JSON.stringify(smallScenario));
  return path;
}

function within(max: number): KeyDistribution {
  return { kind: 'uniform', min: 1, max };
}
