import { redactUrl } from '../experiment/external-target.ts';

/**
 * The command line as a reader would type it. It goes into plan and report, so passwords in URLs and the values of
 * variables that sound secret are `***`.
 */
export function commandLineOf(args: readonly string[]): string {
  const shown = args.map(redactUrl).map((argument, index) => {
    const isVariable = args[index - 1] === '--candidate-env';
    return isVariable ? redactVariable(argument) : redactVariables(argument);
  });
  return ['replibench', ...shown].map(quote).join(' ');
}

/** Names of variables that sound secret. */
const secret =
  '\\w*(?:_pass|passwo?r?d|passphrase|pgpass|secret|token|credential|(?:api|private|access)_?key)\\w*';

/** One variable: all behind the sign is its value, spaces included. */
function redactVariable(argument: string): string {
  return argument.replace(new RegExp(`^(${secret})=.*$`, 'is'), '$1=***');
}

/** Of a command that begins with variables. */
function redactVariables(argument: string): string {
  return argument.replace(new RegExp(`\\b(${secret})=('[^']*'|"[^"]*"|\\S+)`, 'gi'), '$1=***');
}

function quote(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}
