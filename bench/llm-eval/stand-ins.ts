import type { ProviderSettings } from '@liminal/backend/analysis/providers/provider-settings';
import {
  type Behaviour,
  evidenceIn,
  inventedReferences,
  readsTheEvidence,
  says,
} from '../../services/backend/test/llm-servers/behaviours.ts';
import { type LlmServer, startLlmServer } from '../../services/backend/test/llm-servers/wire-server.ts';
import { anthropicMessages, chatCompletions, openaiResponses } from '../../services/backend/test/llm-servers/wires.ts';

/** Reads the evidence, but takes every fifth anomaly for a busy user. */
const dissentsAtTimes: Behaviour = (call) =>
  call.number % 5 === 0 ? says({ category: 'busy-user', severity: 'none' })(call) : readsTheEvidence(call);

/** Reads the evidence, but makes up references where there are events. */
const inventsAtTimes: Behaviour = (call) =>
  call.number % 7 === 0 && evidenceIn(call.prompt).anomaly.events.length > 0
    ? inventedReferences(call)
    : readsTheEvidence(call);

/** Servers on loopback in place of providers, so that the whole way can be seen without any. */
export async function startStandIns(): Promise<{ settings: ProviderSettings[]; stop(): Promise<void> }> {
  const servers = {
    'loopback-anthropic': await startLlmServer(anthropicMessages(), readsTheEvidence),
    'loopback-openai': await startLlmServer(openaiResponses(), dissentsAtTimes),
    'loopback-ollama': await startLlmServer(chatCompletions(), inventsAtTimes),
  };
  const kinds = ['anthropic', 'openai', 'openai-compatible'] as const;
  const settings = Object.entries(servers).map(
    ([name, { url }], index): ProviderSettings => ({
      name,
      kind: kinds[index]!,
      model: 'rule-of-thumb',
      baseUrl: url,
      api: 'responses',
      apiKey: undefined,
      usdPerMillionInputTokens: 0,
      usdPerMillionOutputTokens: 0,
    }),
  );
  const stop = async (): Promise<void> => {
    await Promise.all(Object.values(servers).map((server: LlmServer) => server.stop()));
  };
  return { settings, stop };
}
