import { LuaScript } from '@liminal/shared/adapters/lua-script';
import { toEntry } from '@liminal/shared/adapters/stream-worker';
import { verdictsKey, verdictsOfKey } from '@liminal/shared/contracts/keys';
import { decodeJudgedAnomaly, encodeJudgedAnomaly, type JudgedAnomaly } from '@liminal/shared/contracts/verdict';
import type { Redis } from 'ioredis';

const verdictScript = new LuaScript(new URL('./verdict.lua', import.meta.url));

/** What was said of an anomaly, oldest first. */
export async function verdictsOf(redis: Redis, anomaly: string): Promise<JudgedAnomaly[]> {
  const ids = await redis.lrange(verdictsOfKey(anomaly), 0, -1);
  const entries = await Promise.all(ids.map((id) => redis.xrangeBuffer(verdictsKey, id, id)));
  return entries.flat().map((entry) => decodeJudgedAnomaly(toEntry(entry).fields));
}

export async function addVerdict(redis: Redis, judged: JudgedAnomaly): Promise<void> {
  const { v, entity, b } = encodeJudgedAnomaly(judged);
  await verdictScript.run(redis, [verdictsKey, verdictsOfKey(judged.verdict.anomaly)], [v, entity, b]);
}
