/** The first `limit` UTF-16 code units of a text, without half a surrogate pair at the cut. */
export function cutText(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const isPairCut = text.charCodeAt(limit - 1) >> 10 === 0xd800 >> 10;
  return text.slice(0, isPairCut ? limit - 1 : limit);
}
