import { readFileSync } from 'node:fs';
import { EnvironmentError } from '../../model.ts';

/** Whom to run PostgreSQL as; ready to be spread into the options of `spawn`. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root, so root lends it an account that exists. Null = run as oneself. */
export function unprivilegedAccount(passwd = '/etc/passwd'): Account | null {
  if (process.getuid?.() !== 0) return null;
  const entries = readFileSync(passwd, 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = entries.find(([entry]) => entry === name) ?? [];
    if (Number(uid) > 0 && Number(gid) >= 0) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new EnvironmentError(
    'PostgreSQL does not run as root, and there is no account "postgres" or "nobody" to run it as: ' +
      'run replibench as an ordinary user, or add one of these accounts',
  );
}
