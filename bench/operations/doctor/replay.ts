/** Why a replica that streams does not keep up. */
import { answers, type ClusterView, type NodeView } from '../observe/observation.ts';
import { ms } from '../quantities.ts';
import type { Case, Problem } from './problem.ts';

/** Above this share of stopped periods the quota is the limit. */
const oftenThrottled = 0.5;

export function replayProblems(node: NodeView, view: ClusterView, seen: Case): readonly Problem[] {
  if (!answers(node) || node.server.role === 'primary' || view.primary === null) return [];
  const { name, server } = node;
  const lag = seen.lag.get(name);
  const behind = lag === undefined ? [] : [lag.sentence];
  const found: Problem[] = [];
  if (server.replayPause !== null && server.replayPause !== 'not paused') {
    found.push(replayPaused(name, server.replayPause, behind));
  }
  if (server.applyDelayMs > 0) {
    found.push({
      kind: 'apply-delay',
      subject: name,
      summary: `it applies WAL ${ms(server.applyDelayMs)} late on purpose`,
      evidence: [`recovery_min_apply_delay = ${server.applyDelayMs} ms`, ...behind],
      why: 'A delayed standby guards against mistakes; it should not serve reads. Nobody but you knows which it is.',
      advice: `on ${name}: ALTER SYSTEM RESET recovery_min_apply_delay; SELECT pg_reload_conf()`,
      mend: null,
    });
  }
  if (found.length > 0 || lag?.high !== true) return found;
  return [highLag(node, server, seen, lag.sentence)];
}

export function replayPaused(subject: string, state: string, evidence: readonly string[]): Problem {
  return {
    kind: 'replay-paused',
    subject,
    summary: `replay is ${state === 'paused' ? 'paused' : 'about to pause'}`,
    evidence: [`pg_get_wal_replay_pause_state(): ${state}`, ...evidence],
    why: 'It applies no WAL, so reads from it are older and older; once its connection ends it makes no new one.',
    advice: `replibench doctor --fix, or on ${subject}: SELECT pg_wal_replay_resume()`,
    mend: 'resume-replay',
  };
}

function highLag(
  { name }: NodeView,
  {
    replayWait,
    oldestTransaction,
  }: {
    replayWait: string | null;
    oldestTransaction: { pid: number; applicationName: string; ageMs: number } | null;
  },
  seen: Case,
  sentence: string,
): Problem {
  const subject = name;
  if (replayWait?.startsWith('RecoveryConflict') === true) {
    const holder =
      oldestTransaction === null
        ? []
        : [
            `oldest transaction: pid ${oldestTransaction.pid} (${oldestTransaction.applicationName || 'no application name'}), ${ms(oldestTransaction.ageMs)}`,
          ];
    return {
      kind: 'replay-conflict',
      subject,
      summary: 'a query on it holds replay up',
      evidence: [sentence, `the startup process waits for ${replayWait}`, ...holder],
      why: 'Replay waits up to max_standby_streaming_delay for queries that need rows which the primary has removed.',
      advice: `wait, or on ${name}: SELECT pg_cancel_backend(${oldestTransaction?.pid ?? '<pid>'})`,
      mend: null,
    };
  }
  const throttled = seen.clues.get(name)?.throttledShare ?? null;
  if (throttled !== null && throttled > oftenThrottled) {
    return {
      kind: 'cpu-limited',
      subject,
      summary: 'its CPU quota holds it back',
      evidence: [sentence, `stopped by its quota in ${Math.round(throttled * 100)} % of periods`],
      why: 'Reads and replay share the quota; replay does not get enough of it.',
      advice: `raise REPLICA_CPUS in the env file, then docker compose up -d postgres-${name}`,
      mend: null,
    };
  }
  return {
    kind: 'lag-high',
    subject,
    summary: 'it is far behind',
    evidence: [sentence, `the startup process waits for ${replayWait ?? 'nothing'}`],
    why: 'Replay is neither paused nor blocked nor short of CPU: more is written than disk or network take.',
    advice: 'replibench status --watch shows whether it catches up',
    mend: null,
  };
}
