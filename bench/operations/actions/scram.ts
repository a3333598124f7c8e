import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

const iterations = 4_096;

/**
 * What PostgreSQL keeps of a password (RFC 5802, as pg_authid stores it). Setting a role's password to this
 * keeps the password itself out of the statement, and so out of the server's log.
 */
export function scramVerifier(password: string, salt = randomBytes(16)): string {
  // SASLprep without its prohibitions, which PostgreSQL passes over, too.
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, iterations, 32, 'sha256');
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest();
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${hmac('Server Key').toString('base64')}`;
}
