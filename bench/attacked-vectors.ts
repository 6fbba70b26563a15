import type { FeatureVector } from '@liminal/shared/contracts/feature-vector';
import { replayEvents } from '@liminal/shared/features/replay';
import { type Label, SCENARIOS } from '@liminal/simulator/label';
import { simulateTraffic } from '@liminal/simulator/traffic';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 12);
/** What an attack leaves in the features stays in them for the length of their window. */
const WINDOW_MS = 300_000;

/** Of a simulated day with attacks of every scenario: the vectors of users under attack, and the attacks. */
export function attackedVectors({
  seed,
  users,
  attacksOfEach,
}: {
  seed: number;
  users: number;
  attacksOfEach: number;
}) {
  const attacks = Object.fromEntries(SCENARIOS.map((scenario) => [scenario, attacksOfEach]));
  const period = { startMs: START_MS, endMs: START_MS + DAY_MS };
  const { events, labels } = simulateTraffic({ seed, ...period, users, attacks });
  const attacked: { vector: FeatureVector; label: Label }[] = [];
  for (const vector of replayEvents(events())) {
    const label = labels.find((one) => isDuring(one, vector));
    if (label !== undefined) attacked.push({ vector, label });
  }
  return { attacked, labels };
}

const isDuring = ({ users, fromMs, toMs }: Label, { user, ts }: FeatureVector): boolean =>
  users.includes(user) && ts >= fromMs && ts <= toMs + WINDOW_MS;
