import { hash32 } from '@liminal/shared/contracts/hash32';
import { Random } from '@liminal/shared/runtime/random';
import { SCENARIOS, type Scenario } from '../label.ts';
import type { Account } from '../people/account.ts';
import { attackAddress } from '../people/addresses.ts';
import type { Attack, AttackSetting } from './attack.ts';
import { planChannelSpam } from './channel-spam.ts';
import { planCredentialStuffing } from './credential-stuffing.ts';
import { planScraping } from './scraping.ts';
import { planSharedAccount } from './shared-account.ts';
import { planSlowBot } from './slow-bot.ts';
import { planStolenToken } from './stolen-token.ts';

const PLANNERS: Record<Scenario, (setting: AttackSetting) => Attack> = {
  'credential-stuffing': planCredentialStuffing,
  scraping: planScraping,
  'stolen-token': planStolenToken,
  'shared-account': planSharedAccount,
  'channel-spam': planChannelSpam,
  'slow-bot': planSlowBot,
};

const DAY_MS = 86_400_000;
const USERS_PER_ATTACK = 150;
/** Attacks of each scenario for so many users at most, however long the period: most people are never attacked. */
const USERS_PER_ATTACK_AT_LEAST = 50;
const FEWEST_USERS = 20;

export type AttackCounts = Record<Scenario, number>;

/**
 * One attack of each scenario for every 150 users and day, at least one, at most one for every 50 users; none among
 * fewer than 20 users, who would be victims more often than not.
 */
export function defaultAttackCounts(users: number, periodMs: number): AttackCounts {
  const wanted = Math.round((users / USERS_PER_ATTACK) * (periodMs / DAY_MS));
  const most = Math.floor(users / USERS_PER_ATTACK_AT_LEAST);
  const each = users < FEWEST_USERS ? 0 : Math.max(Math.min(wanted, most), 1);
  return Object.fromEntries(SCENARIOS.map((scenario) => [scenario, each])) as AttackCounts;
}

/**
 * Decides who is attacked, when and how. Marks the victims' accounts, so that their owners are there or away as the
 * attack needs it. Throws `RangeError` when there are more attacks than users to attack.
 */
export function planAttacks(
  seed: number,
  counts: Partial<AttackCounts>,
  accounts: readonly Account[],
  startMs: number,
  endMs: number,
): Attack[] {
  const random = new Random(hash32(`attacks ${seed} ${startMs}`));
  const known = accounts.filter((account) => account.appearsAtMs <= startMs);
  const order = random.sample(known.length, known.length);
  let taken = 0;
  let addresses = 0;
  const takeVictim = (): Account => {
    const index = order[taken++];
    if (index === undefined) {
      throw new RangeError(`${accounts.length} users are too few for that many attacks: ask for more users`);
    }
    return known[index]!;
  };
  const attacks: Attack[] = [];
  for (const scenario of SCENARIOS) {
    for (let number = 1; number <= (counts[scenario] ?? 0); number++) {
      const setting: AttackSetting = {
        id: `${scenario}-${number}`,
        random: new Random(hash32(`attack ${seed} ${startMs} ${scenario} ${number}`)),
        startMs,
        endMs,
        accounts,
        takeVictim,
        newAddress: () => attackAddress(addresses++),
      };
      attacks.push(PLANNERS[scenario](setting));
    }
  }
  return attacks;
}
