/** Before all tests in containers: an image that is there already may be of other sources. */
import { engineAnswers } from '../../../bench/topology/docker/engine.ts';
import { buildApplicationImage } from './compose.ts';

export default async function setUp(): Promise<void> {
  if (process.env['REPLIBENCH_NO_ENGINE'] || !(await engineAnswers())) return;
  // It installs packages over the network, which may be away for a moment.
  for (let attempt = 1; ; attempt++) {
    try {
      await buildApplicationImage();
      return;
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
}
