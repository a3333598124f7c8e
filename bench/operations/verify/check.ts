import type { NodeAddress } from '../../model.ts';

/** The seed's five verification tests. */
export const checkNames = ['streaming', 'lag', 'write-read', 'read-only', 'read-spread'] as const;
export type CheckName = (typeof checkNames)[number];

export interface CheckResult {
  readonly name: CheckName;
  /** `skipped` = it could not be asked without doing what nobody allowed; never a pass. */
  readonly outcome: 'ok' | 'failed' | 'skipped';
  /** What was seen, with figures. */
  readonly evidence: string;
  /** What to do; null when all is well. */
  readonly advice: string | null;
}

/** A replica that should be there; without an address nobody can ask it, and `problem` says why. */
export interface ExpectedReplica {
  readonly name: string;
  readonly address: NodeAddress | null;
  readonly problem: string | null;
}

/** What is verified, whatever it runs on. */
export interface VerifyTarget {
  /** Null when no node is primary. */
  readonly primary: NodeAddress | null;
  readonly replicas: readonly ExpectedReplica[];
  /** Null when there is none to ask, `problem` says why. */
  readonly application: { readonly url: string; readonly readPath: string } | null;
  readonly applicationProblem: string | null;
  /** The node behind a value of `x-db-node`: an application may still call a node by an older role. */
  readonly nodeOfHeader: (header: string) => string;
  /** Whether a row may be written and removed again. */
  readonly mayWrite: boolean;
  /** The command that finds out more, for example `replibench doctor`; null when there is none. */
  readonly doctor: string | null;
}

export interface VerifyContext {
  readonly target: VerifyTarget;
  readonly signal: AbortSignal;
}

export function ok(name: CheckName, evidence: string): CheckResult {
  return { name, outcome: 'ok', evidence, advice: null };
}

export function failed(name: CheckName, evidence: string, advice: string): CheckResult {
  return { name, outcome: 'failed', evidence, advice };
}

export function noPrimary(name: CheckName, target: VerifyTarget): CheckResult {
  return failed(name, 'no node is primary', advise(target, 'start the primary, or promote a replica'));
}

/** Adds where to find out more, where there is such a place. */
export function advise({ doctor }: Pick<VerifyTarget, 'doctor'>, advice: string): string {
  return doctor === null ? advice : `${advice}; ${doctor} tells why`;
}
