/** What a measured stack is told: everything by environment variables, nothing by a file or an argument. */
import { randomBytes } from 'node:crypto';

/** What the engine, its builder and its registries are found by, and which images to take. */
const passedOn =
  /^(PATH|HOME|USER|TMPDIR|SSH_AUTH_SOCK|XDG_\w+|DOCKER_\w+|BUILDX_\w+|BUILDKIT_\w+|\w+_IMAGE|NPMRC_FILE|CA_FILE|NODE_EXTRA_CA_CERTS|CACHE|(HTTPS?|ALL|NO)_PROXY)$/i;

export interface StackPasswords {
  readonly POSTGRES_PASSWORD: string;
  readonly REPLICATION_PASSWORD: string;
  readonly DB_PASSWORD: string;
  readonly MONITORING_PASSWORD: string;
}

export function randomPasswords(): StackPasswords {
  const password = () => randomBytes(18).toString('hex');
  return {
    POSTGRES_PASSWORD: password(),
    REPLICATION_PASSWORD: password(),
    DB_PASSWORD: password(),
    MONITORING_PASSWORD: password(),
  };
}

/** Of a stack: the caller's variables of another stack (ports, hosts, limits, sizes) must not reach this one. */
export function stackEnvironment(
  caller: NodeJS.ProcessEnv,
  passwords: StackPasswords,
  data: Readonly<Record<string, string>>,
): NodeJS.ProcessEnv {
  const kept = Object.entries(caller).filter(([name]) => passedOn.test(name));
  return {
    ...Object.fromEntries(kept),
    ...passwords,
    ...data,
    // Zero lets the engine choose; which one it was, the container tells.
    ...{ PRIMARY_PORT: '0', REPLICA1_PORT: '0', REPLICA2_PORT: '0', HTTP_PORT: '0' },
  };
}
