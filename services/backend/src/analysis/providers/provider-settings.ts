import { readFileSync } from 'node:fs';
import { ConfigError } from '@liminal/shared/runtime/base-config';
import { z } from 'zod';
import { RULE_ANALYST } from '../rule-analyst.ts';

export const PROVIDER_KINDS = ['anthropic', 'openai', 'openai-compatible'] as const;

const price = z.number().min(0);

const providerSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be lower case letters, digits and dashes')
      .refine((name) => name !== RULE_ANALYST, 'is what the analyst without a provider is called'),
    kind: z.enum(PROVIDER_KINDS),
    model: z.string().min(1),
    /** With its version, such as `http://localhost:11434/v1`. */
    baseUrl: z.url({ protocol: /^https?$/ }).optional(),
    /** Of `openai`: which of its two interfaces. */
    api: z.enum(['responses', 'chat']).default('responses'),
    /** File with the key, in place of the variable of the kind. */
    apiKeyFile: z.string().min(1).optional(),
    usdPerMillionInputTokens: price.optional(),
    usdPerMillionOutputTokens: price.optional(),
  })
  .superRefine((provider, context) => {
    const isLocal = provider.kind === 'openai-compatible';
    if (isLocal && provider.baseUrl === undefined) {
      context.addIssue({ code: 'custom', path: ['baseUrl'], message: 'must say where the server is' });
    }
    for (const field of ['usdPerMillionInputTokens', 'usdPerMillionOutputTokens'] as const) {
      if (isLocal || provider[field] !== undefined) continue;
      const message = 'must be given, or the budget in money could not hold';
      context.addIssue({ code: 'custom', path: [field], message });
    }
  });

const providersSchema = z
  .array(providerSchema)
  .max(8)
  .refine((providers) => new Set(providers.map(({ name }) => name)).size === providers.length, 'names must differ');

export interface ProviderSettings {
  name: string;
  kind: (typeof PROVIDER_KINDS)[number];
  model: string;
  baseUrl: string | undefined;
  api: 'responses' | 'chat';
  /** Undefined: the server wants none. */
  apiKey: string | undefined;
  usdPerMillionInputTokens: number;
  usdPerMillionOutputTokens: number;
}

/** Variables with the key of a kind, and the file that may hold it instead. */
const KEY_OF_KIND = {
  anthropic: ['ANTHROPIC_API_KEY', 'ANTHROPIC_API_KEY_FILE'],
  openai: ['OPENAI_API_KEY', 'OPENAI_API_KEY_FILE'],
  'openai-compatible': ['LLM_API_KEY', 'LLM_API_KEY_FILE'],
} as const;
type KeySetting = (typeof KEY_OF_KIND)[keyof typeof KEY_OF_KIND][number];

export type KeySettings = Partial<Record<KeySetting, string | undefined>>;

/** `LLM_PROVIDERS` with the keys of its providers. Throws `ConfigError` that names what is wrong. */
export function readProviders(json: string | undefined, keys: KeySettings): ProviderSettings[] {
  if (json === undefined) return [];
  const parsed = providersSchema.safeParse(parseJson(json));
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      ({ path, message }) => `${['LLM_PROVIDERS', ...path].join('.')}: ${message}`,
    );
    throw new ConfigError(`these settings can't be used: ${problems.join('; ')}`);
  }
  return parsed.data.map((provider) => ({
    name: provider.name,
    kind: provider.kind,
    model: provider.model,
    baseUrl: provider.baseUrl,
    api: provider.api,
    apiKey: keyOf(provider, keys),
    usdPerMillionInputTokens: provider.usdPerMillionInputTokens ?? 0,
    usdPerMillionOutputTokens: provider.usdPerMillionOutputTokens ?? 0,
  }));
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`LLM_PROVIDERS has to be a JSON array of providers: ${reason}`);
  }
}

function keyOf({ name, kind, baseUrl, apiKeyFile }: z.infer<typeof providerSchema>, keys: KeySettings) {
  const [setting, fileSetting] = KEY_OF_KIND[kind];
  const file = apiKeyFile ?? keys[fileSetting];
  const key = file === undefined ? keys[setting] : readKey(file, name);
  // A server of one's own may want no key; the vendors' do.
  if (key === undefined && baseUrl === undefined) {
    throw new ConfigError(`LLM_PROVIDERS has ${name}, of kind ${kind}: set ${setting} or ${fileSetting}`);
  }
  return key;
}

function readKey(file: string, provider: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`the key of ${provider} can not be read: ${reason}`);
  }
}
