/**
 * Parts of a route that may leave as they are: words that name a function of a platform. Everything else in a path may be
 * a name, an address or an instruction that somebody has put there, and a list of what is harmless can not be talked out
 * of it.
 */
const ROUTE_WORDS = new Set(
  (
    'about account accounts activity admin api apps articles assets attachments audit auth avatar batch billing blog boards cart ' +
    'catalog categories channels chat checkout collections comments config contacts css customers dashboard data delete details ' +
    'devices docs download downloads edit events export favorites feed feedback files folders follow forgot forum friends graphql ' +
    'groups health help history home images import inbox index info integrations invite invites invoices issues items jobs js json ' +
    'keys languages leaderboard likes links list lists live login logout logs mail maps me media members messages metrics movies ' +
    'my news notes notifications oauth offers orders orgs pages password payments people photos ping plans players playlists polls ' +
    'posts preferences pricing private products profile profiles projects public push query reactions recent refresh register ' +
    'reports reset reviews roles rooms rpc rules sale save schedule search security sessions settings share shop signin signout ' +
    'signup sitemap socket static stats status store stream streams subscriptions support sync tags tasks teams templates terms ' +
    'threads tickets token tokens top topics track trending update upload uploads user users v1 v2 v3 v4 verify version videos ' +
    'view views webhooks widgets wiki wishlist wp-admin wp-login xmlrpc ws'
  ).split(' '),
);
const MOST_PARTS = 8;

/** A route as far as its words are known, `:x` in place of all others. Query and fragment are left out. */
export function publicRoute(route: string): string {
  const parts = route
    .split(/[?#]/, 1)[0]!
    .split('/')
    .filter((part) => part !== '');
  const kept = parts.slice(0, MOST_PARTS).map((part) => (ROUTE_WORDS.has(part) ? part : ':x'));
  return `/${kept.join('/')}${parts.length > MOST_PARTS ? '/…' : ''}`;
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export const publicMethod = (method: string): string => (METHODS.has(method) ? method : 'other');

/** Which sort of client a user agent claims to be, without a word of it. */
export function clientSort(
  userAgent: string | undefined,
): 'not told' | 'phone browser' | 'desktop browser' | 'program' {
  if (userAgent === undefined) return 'not told';
  if (!/^Mozilla\/5\.0 \(/.test(userAgent)) return 'program';
  return /\b(Mobile|Android|iPhone|iPad)\b/.test(userAgent) ? 'phone browser' : 'desktop browser';
}
