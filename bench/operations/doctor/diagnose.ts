/** From what was seen to what is wrong. Pure; most fundamental first, so that it can be mended in this order. */
import type { ClusterView } from '../observe/observation.ts';
import { applicationProblems } from './applications.ts';
import { nodeProblem } from './nodes.ts';
import { primaryProblems } from './primaries.ts';
import type { Case, Problem } from './problem.ts';
import { replayProblems } from './replay.ts';

export function diagnose(view: ClusterView, seen: Case): readonly Problem[] {
  const primaries = primaryProblems(view, seen);
  const explained = new Set(primaries.map(({ subject }) => subject));
  const nodes = view.nodes
    .filter(({ name }) => !explained.has(name))
    .flatMap((node) => nodeProblem(node, view, seen) ?? []);
  for (const { subject } of nodes) explained.add(subject);
  const replay = view.nodes
    .filter(({ name }) => !explained.has(name))
    .flatMap((node) => replayProblems(node, view, seen));
  return [...primaries, ...nodes, ...replay, ...applicationProblems(view, seen)];
}
