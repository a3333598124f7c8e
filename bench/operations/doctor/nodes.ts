/** Why a node does not stream from the primary: the first reason that explains it. */
import { serviceOf } from '../../topology/compose/stack.ts';
import { answers, type ClusterView, type NodeView, type ServerView } from '../observe/observation.ts';
import { slotOf } from '../status/status.ts';
import type { Case, NodeClues, Problem } from './problem.ts';
import { replayPaused } from './replay.ts';

const fix = 'replibench doctor --fix';
/** What PostgreSQL says when a standby cannot get WAL any more, whatever it tries. */
const walGone =
  /requested WAL segment \S+ has already been removed|can no longer (access|get changes from) replication slot|slot .* (has been invalidated|was invalidated)/;
const forked =
  /new timeline \d+ (forked off|is not a child)|is behind recovery timeline|requested starting point .* (is ahead of|is not in)|not in this server's history/;

export function nodeProblem(node: NodeView, view: ClusterView, seen: Case): Problem | null {
  const { name, container, server } = node;
  const clues = seen.clues.get(name) ?? noClues;
  const refusal = server === null ? clues.log.findLast((line) => /REFUSED to start/.test(line)) : undefined;
  if (refusal !== undefined) return refused(name, refusal);
  if (container !== null && container.state !== 'running') return containerDown(node, clues);
  if (container !== null && seen.network !== null && !container.networks.includes(seen.network))
    return networkDetached(name, container.networks, seen.network);
  // Without data it waits for a primary that lets it in; with data it may just be starting.
  if (!answers(node)) {
    const refused = view.primary !== null && clues.link?.connects === false;
    return refused ? linkRefused(name, view.primary, clues.link.said) : noAnswer(node, clues);
  }
  if (name === view.primary || view.primary === null || node.server.role === 'primary') return null;
  const primary = view.nodes.filter(answers).find((one) => one.name === view.primary);
  return primary === undefined ? null : notStreaming(name, node.server, primary.server, view.primary, clues);
}

/** Null when it streams from the primary. */
function notStreaming(
  name: string,
  own: ServerView,
  primary: ServerView,
  primaryName: string,
  clues: NodeClues,
): Problem | null {
  if (own.systemIdentifier !== primary.systemIdentifier) {
    const evidence = [
      `${name}: cluster ${own.systemIdentifier}`,
      `${primaryName}: cluster ${primary.systemIdentifier}`,
    ];
    return foreignData(name, evidence);
  }
  const sender = primary.senders.find(({ applicationName }) => applicationName === name);
  if (sender?.state === 'streaming' && own.receiver !== null) return null;
  // Whatever ended its walreceiver: while replay is paused the startup process does not ask for another one.
  if (own.replayPause === 'paused') return replayPaused(name, own.replayPause, ['no walreceiver']);
  const slot = primary.slots.find((one) => one.name === slotOf(name));
  const gone = clues.log.findLast((line) => walGone.test(line));
  if (slot?.walStatus === 'lost' || gone !== undefined) {
    const evidence = [
      ...(slot?.walStatus === 'lost' ? [`slot ${slot.name} on ${primaryName}: lost`] : []),
      ...(gone === undefined ? [] : [`log: ${gone}`]),
    ];
    return walIsGone(name, evidence);
  }
  const fork = clues.log.findLast((line) => forked.test(line));
  if (own.timeline > primary.timeline || fork !== undefined) {
    const evidence = [
      `${name} is on timeline ${own.timeline}, ${primaryName} on ${primary.timeline}`,
      ...(fork === undefined ? [] : [`log: ${fork}`]),
    ];
    return diverged(name, evidence);
  }
  if (own.upstreamHost !== serviceOf(primaryName)) {
    return problem('wrong-upstream', name, {
      summary: 'it follows another server than the primary',
      evidence: [
        `primary_conninfo: host=${own.upstreamHost ?? 'none'}`,
        `the primary is ${serviceOf(primaryName)}`,
      ],
      why: 'After a failover every standby must be told who the new primary is; until then it gets no WAL.',
      advice: fix,
      mend: 'repoint',
    });
  }
  if (clues.link?.connects === false) return linkRefused(name, primaryName, clues.link.said);
  if (slot === undefined) {
    return problem('slot-missing', name, {
      summary: 'its slot is missing on the primary',
      evidence: [`no slot ${slotOf(name)} in pg_replication_slots of ${primaryName}`, ...lastError(clues)],
      why: 'The standby asks for WAL through its slot, and the primary refuses one that it does not know.',
      advice: `${fix}, or on ${primaryName}: SELECT pg_create_physical_replication_slot('${slotOf(name)}', true)`,
      mend: 'make-slot',
    });
  }
  return problem('follows-nobody', name, {
    summary: sender === undefined ? 'it does not stream from the primary' : `it is in state ${sender.state}`,
    evidence: [
      own.receiver === null ? 'no walreceiver' : `walreceiver ${own.receiver.status}`,
      ...lastError(clues),
    ],
    why: 'Nothing that would keep it from streaming was found; it may be catching up or about to reconnect.',
    advice: `look again in a moment; if it stays so: docker compose logs ${serviceOf(name)}`,
    mend: null,
  });
}

/** The words that the replica's own attempt to connect got. */
function linkRefused(name: string, primary: string, said: string): Problem {
  const evidence = [`${name} connecting to ${primary} as replicator: ${said}`];
  if (
    /password authentication failed|role "replicator" does not exist|not permitted to log in|permission denied to start WAL sender|must be superuser or replication role/.test(
      said,
    )
  ) {
    return problem('replicator-refused', name, {
      summary: 'the primary refuses the role replicator',
      evidence,
      why: 'The role is missing, may not replicate, or has another password than the secret replication_password.',
      advice: `${fix} (sets the role to what the stack's secret says)`,
      mend: 'restore-replicator',
    });
  }
  if (/no pg_hba\.conf entry|pg_hba\.conf rejects/.test(said)) {
    return problem('hba-refused', name, {
      summary: 'pg_hba.conf of the primary lets no replica in',
      evidence,
      why: 'A rule for the database "replication" is missing, or one before it rejects.',
      advice: `${fix}, or put this line first into pg_hba.conf of ${primary} and reload: host replication replicator all scram-sha-256`,
      mend: 'allow-replication',
    });
  }
  return problem('follows-nobody', name, {
    summary: 'it cannot reach the primary',
    evidence,
    why: 'The primary answers us, but not its replica: the network between them is the likely cause.',
    advice: `docker network inspect, and docker compose logs ${serviceOf(name)}`,
    mend: null,
  });
}

function containerDown({ name, container }: NodeView, clues: NodeClues): Problem {
  const state = container?.state ?? 'missing';
  const code = state === 'exited' ? ` (exit code ${container?.exitCode})` : '';
  return problem('container-down', name, {
    summary: `its container is ${state}${code}`,
    evidence:
      clues.log.length === 0 ? [`docker: ${state}`] : clues.log.slice(-3).map((line) => `log: ${line}`),
    why: 'A replica that does not run serves no reads and falls behind; its slot keeps WAL for it meanwhile.',
    advice: `${fix}, or docker compose up -d ${serviceOf(name)}`,
    mend: 'start',
  });
}

function networkDetached(name: string, networks: readonly string[], wanted: string): Problem {
  return problem('network-detached', name, {
    summary: 'it is not on the network of the stack',
    evidence: [`networks of its container: ${networks.join(', ') || 'none'}; its peers are on ${wanted}`],
    why: 'Neither the primary nor the applications can reach it.',
    advice: `${fix}, or docker network connect --alias ${serviceOf(name)} ${wanted} <container>`,
    mend: 'attach',
  });
}

function noAnswer({ name, problem: reason }: NodeView, clues: NodeClues): Problem {
  return problem('no-answer', name, {
    summary: 'its container runs, but PostgreSQL does not answer',
    evidence: [`${reason}`, ...clues.log.slice(-3).map((line) => `log: ${line}`)],
    why: 'It may still be starting, recovering, or copying the primary.',
    advice: `docker compose logs ${serviceOf(name)}`,
    mend: null,
  });
}

/** What the node's start script refused, and who can decide about it. */
function refused(name: string, line: string): Problem {
  const evidence = [`log: ${line}`];
  if (/of cluster/.test(line)) return foreignData(name, evidence);
  if (/on the older/.test(line)) return diverged(name, evidence);
  return problem('container-down', name, {
    summary: 'it refuses to start',
    evidence,
    why: 'Its start script found something that it must not decide by itself.',
    advice: 'do what the message says, then docker compose up -d',
    mend: null,
  });
}

function walIsGone(name: string, evidence: readonly string[]): Problem {
  return problem('wal-gone', name, {
    summary: 'the primary no longer has the WAL that it needs',
    evidence,
    why: 'It was away for longer than wal_keep_size and max_slot_wal_keep_size allow; it cannot catch up from where it is.',
    advice: `${fix} (copies the primary anew; only this node's data is replaced)`,
    mend: 'rebuild',
  });
}

function diverged(name: string, evidence: readonly string[]): Problem {
  return problem('diverged', name, {
    summary: 'its history is not that of the primary',
    evidence,
    why: 'It has WAL that the primary never had, from before a failover or from a promotion; streaming cannot mend that.',
    advice: `${fix} (copies the primary anew; only this node's data is replaced)`,
    mend: 'rebuild',
  });
}

function foreignData(name: string, evidence: readonly string[]): Problem {
  return problem('foreign-data', name, {
    summary: 'it holds the data of another cluster',
    evidence,
    why: 'Somebody may still need that data, so it is not thrown away by itself.',
    advice: `save what is needed, remove the volume postgres-${name}-data, then docker compose up -d ${serviceOf(name)}`,
    mend: null,
  });
}

function lastError({ log }: NodeClues): readonly string[] {
  const line = log.findLast((one) => /ERROR|FATAL|could not/.test(one));
  return line === undefined ? [] : [`log: ${line}`];
}

function problem(kind: Problem['kind'], subject: string, rest: Omit<Problem, 'kind' | 'subject'>): Problem {
  return { kind, subject, ...rest };
}

const noClues: NodeClues = { log: [], link: null, throttledShare: null };
