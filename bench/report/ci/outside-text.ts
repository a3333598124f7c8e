/**
 * Text from outside (names of branches, last words of an application) for Markdown that GitHub shows under
 * a bot's name: one line, nobody notified, no link or image of its own, nothing endless. Markup that
 * `escapeCell` takes care of is left to it.
 * @param limit most characters; what is cut off is shown by an ellipsis
 */
export function outsideText(text: string, limit = 600): string {
  const line = clip(text, limit)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what has to go.
    .replace(/[\u0000-\u001f\u007f\u2028\u2029]+/g, ' ')
    .trim();
  return line
    .replace(/@(?=\w)/g, `@${nothing}`)
    .replaceAll('](', `]${nothing}(`)
    .replaceAll('![', `!${nothing}[`);
}

/** The first `limit` characters, no half of a surrogate pair among them. */
export function clip(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const cut = text.slice(0, limit - 1);
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}

/** A character without width, which keeps two others from meaning something together. */
const nothing = '\u200b';
