import type { NodeAddress } from '../model.ts';
import type { CheckResult } from './verify/check.ts';
import { verify } from './verify/verify.ts';

export interface VerifyServersOptions {
  readonly primary: NodeAddress;
  readonly replicas: readonly NodeAddress[];
  /** URL of an application that reads from the replicas. */
  readonly application: string;
  readonly readPath: string;
  readonly mayWrite: boolean;
  readonly signal: AbortSignal;
  readonly onCheck?: (result: CheckResult) => void;
}

/** Verifies servers that somebody else runs; without `mayWrite` the third test is skipped. */
export function verifyServers(options: VerifyServersOptions): Promise<readonly CheckResult[]> {
  const { primary, replicas, application, readPath, mayWrite } = options;
  const target = {
    primary,
    replicas: replicas.map((address) => ({ name: address.name, address, problem: null })),
    application: { url: application, readPath },
    applicationProblem: null,
    nodeOfHeader: (header: string) => header,
    mayWrite,
    doctor: null,
  };
  return verify({ ...options, target });
}
