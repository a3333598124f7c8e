/** Before all tests in containers: an image that is there already may be of other sources. */
import { engineAnswers } from '../../../bench/topology/docker/engine.ts';
import { buildApplicationImage } from './compose.ts';

export default async function setUp(): Promise<void> {
  if (await engineAnswers()) await buildApplicationImage();
}
