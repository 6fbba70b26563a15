import { createHmac } from 'node:crypto';

/** What never leaves by its name. */
export const IDENTITY_KINDS = ['user', 'ip', 'token', 'agent', 'channel'] as const;
export type IdentityKind = (typeof IDENTITY_KINDS)[number];

/** What a pseudonym reads as once nobody needs to know which one it was. */
const NEUTRAL: Record<IdentityKind, string> = {
  user: 'the user',
  ip: 'an address',
  token: 'a token',
  agent: 'a client',
  channel: 'a channel',
};

const PSEUDONYM = new RegExp(`\\b(${IDENTITY_KINDS.join('|')})_[a-z2-7]{12}\\b`, 'g');
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const LENGTH = 12;

/**
 * Names in place of identities, for one anomaly: the same identity has the same name within it and another one in every other
 * anomaly, so that nobody outside can put two together. Without the key a name says nothing, and the way back is in this
 * object alone.
 */
export class Pseudonyms {
  readonly #key: Uint8Array;
  readonly #anomaly: string;
  readonly #identities = new Map<string, string>();

  /** `key`: of the day, 32 bytes, known to the suite's own processes alone. */
  constructor(key: Uint8Array, anomaly: string) {
    this.#key = key;
    this.#anomaly = anomaly;
  }

  of(kind: IdentityKind, identity: string): string {
    const digest = createHmac('sha256', this.#key)
      .update(JSON.stringify([this.#anomaly, kind, identity]))
      .digest();
    const name = `${kind}_${Array.from(digest.subarray(0, LENGTH), (byte) => ALPHABET[byte & 31]).join('')}`;
    this.#identities.set(name, identity);
    return name;
  }

  /** Text with the identities back in place of the names that this object gave; others stay as they are. */
  resolve(text: string): string {
    return text.replace(PSEUDONYM, (name) => this.#identities.get(name) ?? name);
  }
}

/** Text in which no pseudonym tells one identity from another: what may be shown beside other anomalies. */
export function withoutPseudonyms(text: string): string {
  return text.replace(PSEUDONYM, (_, kind: IdentityKind) => NEUTRAL[kind]);
}
