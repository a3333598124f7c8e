import { redactUrl } from '../experiment/external-target.ts';

/** The command line as a reader would type it; passwords in URLs as `***`, for it goes into plan and report. */
export function commandLineOf(args: readonly string[]): string {
  return ['replibench', ...args.map(redactUrl)].map(quote).join(' ');
}

function quote(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}
