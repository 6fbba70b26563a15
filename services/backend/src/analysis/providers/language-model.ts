import type { LanguageModel } from 'ai';
import type { ProviderSettings } from './provider-settings.ts';

/** Loads the vendor's SDK only when it is asked for: without providers none of them is in memory. */
export async function openLanguageModel(settings: ProviderSettings): Promise<LanguageModel> {
  const { name, kind, model, baseUrl: baseURL, api } = settings;
  // The SDKs ask for some key even where the server wants none.
  const apiKey = settings.apiKey ?? 'none';
  switch (kind) {
    case 'anthropic': {
      const { createAnthropic } = await import('@ai-sdk/anthropic');
      return createAnthropic({ apiKey, ...(baseURL !== undefined && { baseURL }) })(model);
    }
    case 'openai': {
      const { createOpenAI } = await import('@ai-sdk/openai');
      const openai = createOpenAI({ apiKey, ...(baseURL !== undefined && { baseURL }) });
      return api === 'chat' ? openai.chat(model) : openai.responses(model);
    }
    case 'openai-compatible': {
      const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
      return createOpenAICompatible({ name, apiKey, baseURL: baseURL!, supportsStructuredOutputs: true })(model);
    }
  }
}
