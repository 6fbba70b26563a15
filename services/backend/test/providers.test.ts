import { afterEach, describe, expect, test } from 'vitest';
import { promptFor } from '../src/analysis/prompt.ts';
import { ask, CallFailedError } from '../src/analysis/providers/ask.ts';
import { openLanguageModel } from '../src/analysis/providers/language-model.ts';
import { type ProviderSettings, readProviders } from '../src/analysis/providers/provider-settings.ts';
import {
  type Behaviour,
  brokenForm,
  fails,
  failsAtFirst,
  garbage,
  inventedCategory,
  readsTheEvidence,
  says,
  slow,
} from './llm-servers/behaviours.ts';
import { type LlmServer, startLlmServer, type Wire } from './llm-servers/wire-server.ts';
import { anthropicMessages, chatCompletions, openaiResponses } from './llm-servers/wires.ts';

const WIRES: [string, () => Wire, Pick<ProviderSettings, 'kind' | 'api' | 'model'>][] = [
  [
    'Anthropic Messages, older model',
    anthropicMessages,
    { kind: 'anthropic', api: 'responses', model: 'claude-3-5-haiku-latest' },
  ],
  [
    'Anthropic Messages, newer model',
    anthropicMessages,
    { kind: 'anthropic', api: 'responses', model: 'claude-sonnet-4-5' },
  ],
  ['OpenAI Responses', openaiResponses, { kind: 'openai', api: 'responses', model: 'gpt-5-mini' }],
  ['OpenAI Chat Completions', chatCompletions, { kind: 'openai', api: 'chat', model: 'gpt-4.1' }],
  ['Ollama and vLLM', chatCompletions, { kind: 'openai-compatible', api: 'responses', model: 'qwen3:8b' }],
];

const EVIDENCE = {
  references: ['ip_entropy', 'event-1'],
  anomaly: { events: [] },
};
let server: LlmServer;
afterEach(() => server?.stop());

async function askServer(wire: () => Wire, of: Pick<ProviderSettings, 'kind' | 'api' | 'model'>, behaviour: Behaviour) {
  server = await startLlmServer(wire(), behaviour);
  const model = await openLanguageModel({
    ...of,
    name: 'loopback',
    baseUrl: server.url,
    apiKey: 'key-of-the-test',
    usdPerMillionInputTokens: 1,
    usdPerMillionOutputTokens: 1,
  });
  const signal = new AbortController().signal;
  return ask(promptFor(EVIDENCE), { model, maxOutputTokens: 500, timeoutMs: 1_500, retries: 2, signal });
}

describe.each(WIRES)('%s', (_, wire, of) => {
  test('answers by the schema, and tells its tokens', async () => {
    const { verdict, tokens } = await askServer(wire, of, readsTheEvidence);
    expect(verdict).toMatchObject({
      category: 'busy-user',
      severity: 'none',
      evidence: [{ reference: 'ip_entropy' }, {}],
    });
    expect(tokens.input).toBeGreaterThan(100);
    expect(tokens.output).toBeGreaterThan(10);
    expect(server.calls).toHaveLength(1);
    const [{ headers }] = server.calls as [LlmServer['calls'][number]];
    expect(headers['x-api-key'] ?? headers.authorization).toContain('key-of-the-test');
  });

  test.each<[string, Behaviour, string]>([
    ['garbage', garbage, 'garbage'],
    ['a category that there is not', inventedCategory, 'garbage'],
    ['no confidence from 0 to 1', says({ category: 'scraping', severity: 'low', confidence: 80 }), 'garbage'],
    ['another form', brokenForm, 'garbage'],
    ['that the key is wrong', fails(401), 'refused'],
    ['that it is overloaded, again and again', fails(529, { 'retry-after-ms': '1' }), 'unavailable'],
    ['too late', slow(3_000), 'timeout'],
  ])('that answers %s gives no verdict', async (_what, behaviour, reason) => {
    const failure = await askServer(wire, of, behaviour).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CallFailedError);
    expect(failure).toMatchObject({ reason });
  });

  test('is asked again after a failure that may pass', async () => {
    const { verdict } = await askServer(wire, of, failsAtFirst(2));
    expect(verdict.category).toBe('busy-user');
    expect(server.calls).toHaveLength(3);
  });
});

describe('LLM_PROVIDERS', () => {
  const local = { name: 'local', kind: 'openai-compatible', model: 'qwen3', baseUrl: 'http://localhost:11434/v1' };
  const claude = {
    name: 'claude',
    kind: 'anthropic',
    model: 'm',
    usdPerMillionInputTokens: 3,
    usdPerMillionOutputTokens: 15,
  };

  test('may be left out', () => expect(readProviders(undefined, {})).toEqual([]));

  test('takes keys from the variable of the kind, and none for a server of one’s own', () => {
    const [first, second] = readProviders(JSON.stringify([claude, local]), { ANTHROPIC_API_KEY: 'k' });
    expect(first).toMatchObject({ name: 'claude', apiKey: 'k', usdPerMillionOutputTokens: 15 });
    expect(second).toMatchObject({ name: 'local', apiKey: undefined, usdPerMillionInputTokens: 0 });
  });

  test.each<[string, unknown, RegExp]>([
    ['no JSON', '[{', /JSON array/],
    ['a vendor without key', [claude], /set ANTHROPIC_API_KEY or ANTHROPIC_API_KEY_FILE/],
    [
      'a vendor without price',
      [{ ...claude, usdPerMillionInputTokens: undefined }],
      /0\.usdPerMillionInputTokens: must be given/,
    ],
    ['a server without address', [{ ...local, baseUrl: undefined }], /baseUrl: must say where/],
    ['the name of the rules', [{ ...local, name: 'rules' }], /name: is what/],
    ['a name twice', [local, local], /names must differ/],
    ['a key file that is not there', [{ ...local, apiKeyFile: '/nowhere/key' }], /key of local can not be read/],
  ])('with %s is refused', (_, providers, message) => {
    const json = typeof providers === 'string' ? providers : JSON.stringify(providers);
    expect(() => readProviders(json, {})).toThrow(message);
  });
});
