/** Routing for Sequelize 6 over one PostgreSQL primary and its replicas. */
import './options-of-queries.ts';

export { createDatabase, type DatabaseOptions, type RoutedDatabase } from './create-database.ts';
export { type Carrier, cookieOf, createHttpSessions, type HttpSessions } from './http-session.ts';
export { NodeAwayError } from './node.ts';
export type { PolicyOptions, RoutingPolicy } from './options.ts';
export type { ReadClass } from './pick.ts';
export {
  NoPrimaryError,
  ReadRejectedError,
  type RouteReason,
  type Router,
  type RoutingObserver,
} from './router.ts';
export { inSession, newSession, type Session } from './session.ts';
export { createRedisSessionStore, type SessionStore } from './session-store.ts';
export { createTokenCodec, type TokenCodec } from './token.ts';
