/**
 * Rows of the data set as SQL: `insertRows(size).users` fills `users`, and so on. Every value is a pure
 * function of (seed, table, column, id), so equal seeds give equal rows on any machine, whatever order or
 * parallelism PostgreSQL chooses; random() with setseed() would depend on the plan. The hash is the one
 * that hash partitioning stores data by, and hence as stable as the on-disk format.
 */
import type { TableName } from './schema.ts';

export interface DataSetSize {
  readonly seed: number;
  readonly teams: number;
  readonly users: number;
  readonly contacts: number;
  readonly interactions: number;
}

/** Every name's first word, so `GET /contacts?q=` with one of them finds contacts / 40 rows. */
export const firstNames = [
  ...['Ana', 'Andrea', 'Antonio', 'Beatriz', 'Camila', 'Carlos', 'Carmen', 'Claudia', 'Daniel', 'David'],
  ...['Diego', 'Elena', 'Emilio', 'Fernando', 'Gabriela', 'Hugo', 'Isabel', 'Ivan', 'Javier', 'Jorge'],
  ...['Juan', 'Julia', 'Laura', 'Leticia', 'Lucia', 'Luis', 'Manuel', 'Marcos', 'Marta', 'Miguel'],
  ...['Natalia', 'Nicolas', 'Olga', 'Pablo', 'Patricia', 'Ricardo', 'Rosa', 'Sergio', 'Sofia', 'Teresa'],
] as const;

const lastNames = [
  ...['Aguilar', 'Alonso', 'Blanco', 'Cabrera', 'Campos', 'Castro', 'Cruz', 'Delgado', 'Diaz', 'Dominguez'],
  ...['Flores', 'Fuentes', 'Garcia', 'Gil', 'Gomez', 'Guerrero', 'Herrera', 'Iglesias', 'Jimenez', 'Lopez'],
  ...['Lozano', 'Marin', 'Martinez', 'Medina', 'Mendoza', 'Molina', 'Morales', 'Moreno', 'Navarro', 'Nieto'],
  ...['Ortega', 'Perez', 'Prieto', 'Ramirez', 'Reyes', 'Rojas', 'Romero', 'Ruiz', 'Salazar', 'Vargas'],
] as const;

/** One INSERT a table; ids are dense, 1..N. */
export function insertRows(size: DataSetSize): Readonly<Record<TableName, string>> {
  const draw = (column: number, count: number): string =>
    `(abs(hashint8extended(id, ${size.seed * 64 + column}) % ${count})::int + 1)`;
  const pick = (column: number, values: readonly string[]): string =>
    `('{${values.join(',')}}'::text[])[${draw(column, values.length)}]`;
  const name = (column: number): string =>
    `${pick(column, firstNames)} || ' ' || ${pick(column + 1, lastNames)}`;
  const rows = (count: number): string => `FROM generate_series(1, ${count}) AS id`;
  // A fixed instant, not now(): part of "same seed, same rows".
  const instant = (secondsBefore: string): string =>
    `timestamptz '2026-01-01 00:00:00+00' - (${secondsBefore}) * interval '1 second'`;

  return {
    teams: `INSERT INTO teams (id, name) SELECT id, 'Team ' || id ${rows(size.teams)}`,
    // Teams take turns, so each has users / teams agents and its share of the busiest (lowest) ids.
    // The hash is of no password: nobody can log in with it.
    users: `INSERT INTO users (id, team_id, name, email, password_hash, role, status, created_at, updated_at)
      SELECT id, (id - 1) % ${size.teams} + 1, ${name(1)}, 'agent' || id || '@contact-centre.example',
        '$2b$12$' || md5(id || ':${size.seed}'),
        CASE WHEN ${draw(3, 100)} <= 94 THEN 'AGENT' WHEN ${draw(3, 100)} <= 99 THEN 'SUPERVISOR' ELSE 'ADMIN' END,
        ${pick(4, ['AVAILABLE', 'AVAILABLE', 'BUSY', 'BUSY', 'BREAK', 'OFFLINE'])}, made_at, made_at
      FROM (SELECT id, ${instant(`${draw(5, 63_072_000)}`)} AS made_at ${rows(size.users)}) AS users`,
    contacts: `INSERT INTO contacts (id, name, email, phone, created_at)
      SELECT id, ${name(11)}, 'contact' || id || '@customer.example', '+34' || 600000000 + ${draw(13, 99_999_999)},
        ${instant(draw(14, 63_072_000))}
      ${rows(size.contacts)}`,
    // Agents are not equally busy: user = N * u^2 gives the lowest ids most (id 1 has sqrt(1/N) of all).
    interactions: `INSERT INTO interactions (id, user_id, contact_id, channel, duration_seconds, notes, created_at)
      SELECT id, (${size.users} * power(${draw(21, 1_000_000)}::float8 / 1000001, 2))::int % ${size.users} + 1,
        ${draw(22, size.contacts)}, ${pick(23, ['phone', 'phone', 'phone', 'email', 'chat'])}, ${draw(24, 1800)},
        'Call back about order ' || ${draw(25, 9_999_999)}, ${instant(`(${size.interactions} - id) * 60`)}
      ${rows(size.interactions)}`,
  };
}
