const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;
const OPERATORS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan']);

/** What a PromQL query names. */
export interface QueryNames {
  /** Its series, each with the labels that it is selected by, and the selector as it stands there. */
  series: { name: string; labels: string[]; selector: string }[];
  /** Labels that it groups by, joins on or drops. */
  groupLabels: string[];
}

/** Finds the names in a PromQL query. It does not check the query: Prometheus does. */
export function queryNames(query: string): QueryNames {
  const groupLabels: string[] = [];
  // Texts may hold anything: their numbers stand for them.
  const texts: string[] = [];
  const bare = query
    .replace(/"(?:[^"\\]|\\.)*"/g, (text) => `"${texts.push(text) - 1}"`)
    .replace(/\[[^\]]*\]/g, '')
    .replace(GROUPING, (_, labels: string) => {
      groupLabels.push(...namesIn(labels));
      return ' ';
    });
  const series = [...bare.matchAll(/\b([a-zA-Z_:][\w:]*)\s*(\{[^}]*\}|\()?/g)]
    .filter(([, name, after]) => after !== '(' && !OPERATORS.has(name!))
    .map(([, name, matchers = '']) => ({
      name: name!,
      labels: namesIn(matchers),
      selector: name + matchers.replace(/"(\d+)"/g, (_, index: string) => texts[Number(index)]!),
    }));
  return { series, groupLabels };
}

const namesIn = (text: string): string[] => text.match(/[a-zA-Z_]\w*/g) ?? [];
