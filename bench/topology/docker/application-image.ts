/** Sees to the image of the application under test: there, and of the sources that are here. */
import { existsSync } from 'node:fs';
import { EnvironmentError, type Finding } from '../../model.ts';
import { hasImage, requireImage } from './container.ts';
import { type DockerOptions, docker } from './engine.ts';

export interface ApplicationImage {
  readonly image: string;
  /** May not exist where the package was installed. */
  readonly dockerfile: string;
  readonly buildFolder: string;
  /** Whoever named an image of his own gets that one; an image of ours would else go on being an old one. */
  readonly rebuild: boolean;
}

/**
 * Builds the image when it is missing, and anew when it is ours: the builder's cache makes that short when
 * nothing has changed. The finding: an image that is there and could not be built anew.
 * @throws EnvironmentError saying what to do when there is none and none can be made; the signal's reason
 */
export async function provideApplicationImage(
  { image, dockerfile, buildFolder, rebuild }: ApplicationImage,
  options: DockerOptions = {},
): Promise<readonly Finding[]> {
  const there = await hasImage(image, options);
  const buildable = existsSync(dockerfile);
  if (there && !(rebuild && buildable)) return [];
  if (!buildable) {
    await requireImage(image, options);
    return [];
  }
  const build = ['build', '--quiet', '--tag', image, '--label', 'replibench.app=1', '--file', dockerfile];
  try {
    await docker([...build, ...whatBuildsNeed(options.env ?? process.env), buildFolder], options);
    return [];
  } catch (cause) {
    options.signal?.throwIfAborted();
    const reason = cause instanceof Error ? cause.message : String(cause);
    if (there)
      return [
        {
          severity: 'warning',
          id: 'application-image',
          message: `the application's image ${image} could not be built anew, so it may be of other sources: ${reason}`,
        },
      ];
    throw new EnvironmentError(
      `the application's image ${image} is missing and cannot be built from ${dockerfile}; ` +
        `name one by APP_IMAGE, or build it yourself (docs/deployment.md). ${reason}`,
      { cause },
    );
  }
}

/** The same as the compose files hand to the builder: base image, and secrets that get into no layer. */
function whatBuildsNeed(env: NodeJS.ProcessEnv): readonly string[] {
  const base = env['NODE_IMAGE'];
  const secrets = { npmrc: env['NPMRC_FILE'], ca: env['CA_FILE'] || env['NODE_EXTRA_CA_CERTS'] };
  return [
    ...(base ? ['--build-arg', `NODE_IMAGE=${base}`] : []),
    ...Object.entries(secrets).flatMap(([id, file]) =>
      file && existsSync(file) ? ['--secret', `id=${id},src=${file}`] : [],
    ),
  ];
}
