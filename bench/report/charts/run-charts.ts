import type { RunView } from '../../analysis/run-view.ts';
import { reportedArms } from '../arms.ts';
import { blockChart } from './blocks.ts';
import { type Chart, widths } from './chart.ts';
import { effectChart, gateChart } from './effects.ts';
import { percentileChart } from './percentiles.ts';
import { readsByNodeChart } from './reads-by-node.ts';
import { timelineChart } from './timeline.ts';

/** A picture for a page, and for a screen that is too small for it; null where one serves both. */
export interface RunChart {
  readonly id: string;
  readonly title: string;
  readonly wide: Chart;
  readonly narrow: Chart | null;
}

/** All pictures that a run has something to show in, in the order of the report. */
export function runCharts({ result, timeline, curves }: RunView): readonly RunChart[] {
  const arms = result.arms.map(({ name }) => name);
  const { baseline } = reportedArms(result);
  if (baseline === undefined) return [];
  const both = (draw: (width: number) => Chart | null): readonly RunChart[] => {
    const [wide, narrow] = [draw(widths.wide), draw(widths.narrow)];
    return wide === null ? [] : [{ id: wide.id, title: wide.title, wide, narrow }];
  };
  const half = (draw: (width: number) => Chart | null): readonly RunChart[] => {
    const wide = draw(widths.half);
    return wide === null ? [] : [{ id: wide.id, title: wide.title, wide, narrow: null }];
  };
  return [
    ...both((width) => gateChart(result, width)),
    ...both((width) => effectChart(result, width)),
    ...half((width) => percentileChart(curves, 'read', arms, width)),
    ...half((width) => percentileChart(curves, 'write', arms, width)),
    ...both((width) => timelineChart(result, timeline, width)),
    ...both((width) => blockChart(result, timeline, width)),
    ...both((width) => readsByNodeChart(result, width)),
  ];
}
