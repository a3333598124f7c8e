/** A primary too many, too few, or half replaced. */
import { answers, type ClusterView } from '../observe/observation.ts';
import type { Case, Problem } from './problem.ts';

export function primaryProblems(view: ClusterView, seen: Case): readonly Problem[] {
  const { primary } = view;
  if (primary === null) return noPrimary(view, seen);
  const found: Problem[] = [];
  for (const { name, server } of view.nodes) {
    if (name !== primary && server?.role === 'primary') {
      found.push({
        kind: 'two-primaries',
        subject: name,
        summary: `it accepts writes beside the primary ${primary}`,
        evidence: [`${name} is primary on timeline ${server.timeline}, ${primary} goes on from a later one`],
        why: 'Whatever is written there will be lost; every second counts.',
        advice: `replibench failover --to ${primary} (fences and rejoins ${name}; --accept-loss if it has rows of its own)`,
        mend: null,
      });
    }
    const refusal = seen.clues.get(name)?.log.findLast((line) => /REFUSED to start/.test(line)) ?? '';
    if (server === null && /promoted after it|two primaries/.test(refusal)) {
      found.push({
        kind: 'old-primary',
        subject: name,
        summary: `it was the primary before ${primary} and is kept from starting`,
        evidence: [`log: ${refusal}`],
        why: 'Its data must first be wound back to where the new primary parted from it.',
        advice: `replibench doctor --fix (if it has nothing that would be lost), or replibench failover --to ${primary}`,
        mend: 'rejoin',
      });
    }
  }
  const { leaderMark } = seen;
  if (leaderMark !== null && leaderMark !== primary) {
    found.push({
      kind: 'half-failover',
      subject: primary,
      summary: `a failover to ${leaderMark} was begun and not finished`,
      evidence: [`the mark of the leader names ${leaderMark}, but ${primary} accepts writes`],
      why: `${primary} would not start again after a restart.`,
      advice: `replibench failover --to ${leaderMark} finishes it, replibench failover --to ${primary} takes it back`,
      mend: null,
    });
  }
  return found;
}

function noPrimary(view: ClusterView, seen: Case): readonly Problem[] {
  const standbys = view.nodes.filter(answers);
  const down = view.nodes.filter((node) => !answers(node));
  // A stopped former primary is started by its own problem, unless somebody else was promoted meanwhile.
  const leader = down.find(({ name }) => name === seen.leaderMark);
  if (leader !== undefined && leader.container?.state !== 'running') return [];
  const most = [...standbys].sort((a, b) => compareLsn(b.server.lsn, a.server.lsn))[0];
  return [
    {
      kind: 'no-primary',
      subject: seen.leaderMark ?? 'the cluster',
      summary: 'no node accepts writes',
      evidence: view.nodes.map(({ name, server, problem }) =>
        server === null ? `${name}: ${problem}` : `${name}: standby, WAL up to ${server.lsn}`,
      ),
      why: 'Reads go on from the replicas; writes wait.',
      advice:
        most === undefined
          ? 'docker compose up -d'
          : `start the primary again, or replibench failover --to ${most.name}`,
      mend: null,
    },
  ];
}

function compareLsn(a: string | null, b: string | null): number {
  const number = (lsn: string | null) =>
    BigInt(
      `0x${(lsn ?? '0/0')
        .split('/')
        .map((part) => part.padStart(8, '0'))
        .join('')}`,
    );
  return Number(number(a) - number(b));
}
