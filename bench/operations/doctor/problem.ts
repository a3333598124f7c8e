/** What doctor may find: the seed's four problems in their real forms, and what a failover can leave behind. */

export type ProblemKind =
  // (a) a replica does not connect
  | 'container-down'
  | 'no-answer'
  | 'network-detached'
  | 'replicator-refused'
  | 'hba-refused'
  | 'slot-missing'
  | 'follows-nobody'
  | 'wrong-upstream'
  // (b) a replica lags
  | 'replay-paused'
  | 'apply-delay'
  | 'replay-conflict'
  | 'cpu-limited'
  | 'lag-high'
  // (c) a replica cannot go on from where it is
  | 'wal-gone'
  | 'diverged'
  | 'foreign-data'
  // (d) the application does not use the replicas
  | 'app-down'
  | 'app-unhealthy'
  | 'app-single-host'
  | 'app-wrong-hosts'
  | 'balancer-down'
  // a primary too many or too few
  | 'old-primary'
  | 'two-primaries'
  | 'half-failover'
  | 'no-primary';

/** What --fix does; each can be done again without harm. */
export type Mend =
  | 'start'
  | 'attach'
  | 'restore-replicator'
  | 'allow-replication'
  | 'make-slot'
  | 'repoint'
  | 'resume-replay'
  | 'rebuild'
  | 'rejoin'
  | 'point-applications';

export interface Problem {
  readonly kind: ProblemKind;
  /** The node, application or service that has it. */
  readonly subject: string;
  readonly summary: string;
  /** What was seen, one fact a line, without secrets. */
  readonly evidence: readonly string[];
  /** Why that is so and what follows from it. */
  readonly why: string;
  /** What to do by hand; a command where there is one. */
  readonly advice: string;
  /** Null where mending by itself would not be safe. */
  readonly mend: Mend | null;
}

/** What is seen of one node beyond its own answers. */
export interface NodeClues {
  /** The last lines of its log, without secrets. */
  readonly log: readonly string[];
  /** What the node itself gets when it connects to the primary as its walreceiver does; null = not tried. */
  readonly link: { readonly connects: boolean; readonly said: string } | null;
  /** Share of the periods in which its CPU quota stopped it, 0..1; null = no quota or not seen. */
  readonly throttledShare: number | null;
}

export interface LagClue {
  readonly high: boolean;
  /** `replica2 21 MB, more than 5.9 s behind` */
  readonly sentence: string;
}

/** The whole case, judged without asking anything more. */
export interface Case {
  readonly clues: ReadonlyMap<string, NodeClues>;
  readonly lag: ReadonlyMap<string, LagClue>;
  /** Who may be primary, by the mark in the stack; null = unknown. */
  readonly leaderMark: string | null;
  readonly network: string | null;
  /** Of nginx; null = the stack has none. */
  readonly balancer: { readonly state: string; readonly healthy: boolean } | null;
}
