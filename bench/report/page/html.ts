import { escapeXml } from '../charts/svg.ts';

/** One element with whatever is inside it, which must be HTML already. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | undefined>>,
  ...children: readonly string[]
): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${escapeXml(value ?? '')}"`)
    .join('');
  return `<${name}${written}>${children.join('')}</${name}>`;
}

/** Text as it is. */
export function plain(text: string): string {
  return escapeXml(text);
}

/** Text of a section, in which `**strong**` words and `` `code` `` may be. */
export function inline(text: string): string {
  return escapeXml(text)
    .replace(/`([^`]+)`/g, '<code>$1</code>')
    .replace(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>');
}

/**
 * JSON inside a page: no text in it can end the element, nor begin a comment in it. What a parser makes of
 * it is the same value.
 */
export function embeddedJson(id: string, value: unknown): string {
  const text = JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return `<script type="application/json" id="${id}">${text}</script>`;
}
