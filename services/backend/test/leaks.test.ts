import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { DESKTOP_USER_AGENTS, MOBILE_USER_AGENTS, TOOL_USER_AGENTS } from '@liminal/simulator/people/user-agents';
import { simulateTraffic } from '@liminal/simulator/traffic';
import { Redis } from 'ioredis';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AnalysisStore } from '../src/analysis/analysis-store.ts';
import { Analyst } from '../src/analysis/analyst.ts';
import { Budget } from '../src/analysis/budget/budget.ts';
import { evidenceOf } from '../src/analysis/evidence.ts';
import { createAnalysisMetrics } from '../src/analysis/metrics.ts';
import { Provider } from '../src/analysis/providers/provider.ts';
import { readProviders } from '../src/analysis/providers/provider-settings.ts';
import { providersOf } from './analysis-suite.ts';
import { readsTheEvidence } from './llm-servers/behaviours.ts';
import { type LlmServer, startLlmServer } from './llm-servers/wire-server.ts';
import { anthropicMessages, chatCompletions, openaiResponses } from './llm-servers/wires.ts';
import { toStoredAnomaly } from './simulated-anomaly.ts';
import { type SimulatedVector, simulatedVectors } from './simulated-vectors.ts';

const INCIDENTS = 1_000;
const AT_ONCE = 8;
const START_MS = Date.UTC(2026, 0, 12);
const TRAFFIC = { seed: 11, startMs: START_MS, endMs: START_MS + 86_400_000, users: 120 };
/** A name as short as this is looked for as a whole word: others hold it by chance. */
const SHORT = 6;

let server: TestRedis;
let redis: Redis;
let servers: LlmServer[] = [];
beforeAll(async () => {
  server = await startTestRedis();
  redis = new Redis(server.url);
  servers = await Promise.all(
    [anthropicMessages(), openaiResponses(), chatCompletions()].map((wire) => startLlmServer(wire, readsTheEvidence)),
  );
});
afterAll(async () => {
  redis?.disconnect();
  await Promise.all(servers.map((one) => one.stop()));
  await server?.stop();
});

/** Everything in the traffic that tells who somebody is, or was chosen by somebody. */
function identities(): Set<string> {
  const found = new Set<string>([...DESKTOP_USER_AGENTS, ...MOBILE_USER_AGENTS, ...TOOL_USER_AGENTS]);
  for (const event of simulateTraffic(TRAFFIC).events()) {
    for (const value of [event.user, event.id]) if (value !== undefined) found.add(value);
    if (event.kind === 'channel') {
      found.add(event.channel);
      continue;
    }
    found.add(event.ip);
    if (event.userAgent !== undefined) found.add(event.userAgent);
    if (event.kind !== 'login' && event.tokenId !== undefined) found.add(event.tokenId);
  }
  return found;
}

/** Attacked users first, since their events hold the most, then others. */
function incidents(): SimulatedVector[] {
  const attacked: SimulatedVector[] = [];
  const others: SimulatedVector[] = [];
  for (const simulated of simulatedVectors(TRAFFIC))
    (simulated.label === undefined ? others : attacked).push(simulated);
  const everyNth = (all: SimulatedVector[], count: number): SimulatedVector[] =>
    Array.from({ length: count }, (_, index) => all[Math.floor((index * all.length) / count)]!);
  const half = INCIDENTS / 2;
  return [...everyNth(attacked, half), ...everyNth(others, half)];
}

async function analyseAll(all: readonly SimulatedVector[]): Promise<number> {
  const settings = readProviders(
    providersOf({
      claude: { server: servers[0]!, kind: 'anthropic', usdPerMillionInputTokens: 0, usdPerMillionOutputTokens: 0 },
      gpt: { server: servers[1]!, kind: 'openai', usdPerMillionInputTokens: 0, usdPerMillionOutputTokens: 0 },
      local: { server: servers[2]! },
    }),
    {},
  );
  const limits = { tokens: 1e12, usd: 1 };
  const budget = new Budget(redis, { hour: limits, day: limits }, Date.now);
  const metrics = createAnalysisMetrics(new Registry(), { providers: [], readSpentRatios: () => budget.spentRatios() });
  const calls = { timeoutMs: 600_000, retries: 0, maxOutputTokens: 500, breakerFailures: 100, breakerOpenMs: 1_000 };
  const log = { warn: () => {} };
  const store = new AnalysisStore({ redis, keepSeconds: 60, cacheSeconds: 0 });
  const analyst = new Analyst({
    providers: settings.map((one) => new Provider(one, { budget, metrics, calls, log })),
    panel: 3,
    store,
    pseudonymKey: () => store.pseudonymKey(Date.now()),
    onCached: () => {},
    now: Date.now,
  });
  const waiting = [...all];
  let answers = 0;
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const evidence = evidenceOf(toStoredAnomaly(next.vector), { history: [next.vector.values], events: next.events });
      const signal = new AbortController().signal;
      const options = { requestedBy: 'test', isFresh: true, signal, onProgress: () => {} };
      const { answeredBy } = await analyst.analyse(evidence, options);
      answers += answeredBy.filter((name) => name !== 'rules').length;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return answers;
}

/** Those of `names` that stand in one of the texts. */
function named(texts: readonly string[], names: ReadonlySet<string>): string[] {
  const words = new Set(texts.flatMap((text) => text.match(/[\w.:@-]+/g) ?? []));
  const joined = [...words].join('\n');
  return [...names].filter((name) => {
    if (/[^\w.:@-]/.test(name)) return texts.some((text) => text.includes(name));
    return name.length < SHORT ? words.has(name) : joined.includes(name);
  });
}

describe('what leaves', () => {
  test('of 1,000 simulated incidents names nobody, no address, token, user agent, channel or event id', async () => {
    const names = identities();
    expect(names.size).toBeGreaterThan(2_000);
    const all = incidents();
    expect(all).toHaveLength(INCIDENTS);
    expect(await analyseAll(all)).toBe(3 * INCIDENTS);
    for (const { calls } of servers) {
      expect(calls).toHaveLength(INCIDENTS);
      expect(
        named(
          calls.map(({ body }) => body.toString('utf8')),
          names,
        ),
      ).toEqual([]);
      // Nothing but the length of the body tells one call from another outside of it.
      const heads = calls.map(
        ({ path, rawHeaders }) => `${path} ${rawHeaders.join(' ').replace(/(content-length) \d+/i, '$1')}`,
      );
      expect(new Set(heads).size).toBe(1);
      // It is the evidence that left, with its events.
      expect(calls.filter(({ body }) => body.includes('event-2')).length).toBeGreaterThan(INCIDENTS / 2);
    }
  }, 240_000);

  test('would be found if it did name somebody', () => {
    const names = identities();
    const user = [...names].find((name) => name.startsWith('ada'))!;
    expect(named([`{"note":"ask ${user}!"}`], names)).toContain(user);
    expect(named(['from 2001:db8:0:1::1 on'], names)).toContain('2001:db8:0:1::1');
    expect(named(['"agent":"node"'], names)).toContain('node');
    expect(named(['a curl/8.17.0 b'], names)).toContain('curl/8.17.0');
  });

  test('has other pseudonyms for the same user in another anomaly', async () => {
    const [first, second] = servers[2]!.calls.slice(0, 2).map(({ body }) => body.toString('utf8'));
    const names = (text: string) => new Set(text.match(/\b(?:user|ip|token|agent|channel)_[a-z2-7]{12}\b/g));
    expect(names(first!).size).toBeGreaterThan(1);
    expect(names(first!).intersection(names(second!)).size).toBe(0);
  });
});
