/**
 * Which answers are cached, by key, and hence what a write has to forget. Searches are not cached: which of
 * them a new contact changes cannot be told. A dashboard is forgotten when an agent's status or load
 * changes, but not for each logged conversation, of which there is always one: its channel figures may be
 * as old as the time to live.
 */
export const cacheKeys = {
  user: (id: number) => `user:${id}`,
  /** The list of default length; other lengths are not cached. */
  userInteractions: (id: number) => `user:${id}:interactions`,
  teamDashboard: (id: number) => `team:${id}:dashboard`,
} as const;
