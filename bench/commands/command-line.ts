import { redactUrl } from '../experiment/external-target.ts';

/**
 * The command line as a reader would type it. It goes into plan and report, so passwords in URLs and the values of
 * variables that sound secret are `***`.
 */
export function commandLineOf(args: readonly string[]): string {
  return ['replibench', ...args.map(redactUrl).map(redactVariables)].map(quote).join(' ');
}

/** Of `--candidate-env API_TOKEN=...`, and of a command that begins with variables. */
function redactVariables(argument: string): string {
  return argument.replace(
    /\b(\w*(?:password|passwd|pgpass|secret|token|credential|api_?key|private_?key)\w*)=('[^']*'|"[^"]*"|\S+)/gi,
    '$1=***',
  );
}

function quote(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}
