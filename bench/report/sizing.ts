/**
 * The resource and cost tables of the document that this project began from ("Fase 4.2: PostgreSQL
 * Primary-Replica Replication", its section "Costos y Recursos"): claims, to be set beside what was measured.
 */
export interface ClaimedSize {
  readonly cores: number;
  readonly memoryMb: number;
  readonly diskGb: number;
}

/** By node. */
export const claimedNodes: Readonly<Record<string, ClaimedSize>> = {
  primary: { cores: 0.5, memoryMb: 512, diskGb: 5 },
  replica1: { cores: 0.3, memoryMb: 256, diskGb: 5 },
  replica2: { cores: 0.3, memoryMb: 256, diskGb: 5 },
};

/** A whole deployment: PostgreSQL, redis, three applications and nginx. */
export interface ClaimedDeployment {
  readonly replicas: number;
  readonly cores: number;
  readonly memoryGb: number;
  readonly dollarsPerMonth: number;
  /** Of Amazon EC2. */
  readonly machine: string;
}

export const claimedDeployments: readonly ClaimedDeployment[] = [
  { replicas: 0, cores: 2, memoryGb: 2.2, dollarsPerMonth: 30, machine: 't3.medium' },
  { replicas: 2, cores: 3.1, memoryGb: 3.2, dollarsPerMonth: 60, machine: 't3.large' },
];

/** From "Best practices" and the conclusion of the same document. */
export const claimedRules = {
  /** CPU of a replica, percent of the primary's. */
  replicaCpuPercent: 60,
  /** Share of reads from which replicas are worth it, percent. */
  readSharePercent: 70,
} as const;

/** Sums of {@link claimedNodes} over an arm's nodes; null when one of them is not claimed. */
export function claimedTotal(nodes: readonly string[]): ClaimedSize | null {
  const sizes = nodes.map((node) => claimedNodes[node]);
  const claimed = sizes.filter((size) => size !== undefined);
  if (claimed.length < sizes.length) return null;
  const sum = (pick: (size: ClaimedSize) => number): number =>
    claimed.reduce((total, size) => total + pick(size), 0);
  return {
    cores: sum((size) => size.cores),
    memoryMb: sum((size) => size.memoryMb),
    diskGb: sum((size) => size.diskGb),
  };
}
