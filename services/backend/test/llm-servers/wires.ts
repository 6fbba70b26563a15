import { z } from 'zod';
import type { Wire } from './wire-server.ts';

const textPart = z.object({ type: z.string(), text: z.string() });
const content = z.union([z.string(), z.array(textPart)]);
const textOf = (of: z.infer<typeof content>): string =>
  typeof of === 'string' ? of : of.map(({ text }) => text).join('\n');

const messagesRequest = z.object({
  model: z.string(),
  max_tokens: z.int().positive(),
  system: content,
  messages: z.array(z.object({ role: z.literal('user'), content })).min(1),
  // Either a schema for the text, or a tool that has to be called with it, as the model allows.
  output_config: z
    .object({ format: z.object({ type: z.literal('json_schema'), schema: z.looseObject({}) }) })
    .optional(),
  tools: z.array(z.object({ name: z.string(), input_schema: z.looseObject({}) })).optional(),
});

/** Anthropic, POST /v1/messages. */
export function anthropicMessages(): Wire {
  let tool: string | undefined;
  return {
    path: '/messages',
    promptOf(body) {
      const { system, messages, output_config, tools } = messagesRequest.parse(body);
      tool = tools?.[0]?.name;
      if (output_config === undefined && tool === undefined) throw new Error('no schema was asked for');
      return [textOf(system), ...messages.map(({ content: of }) => textOf(of))].join('\n');
    },
    answerOf: (text, { input, output }) => ({
      id: 'msg_01XFDUDYJgAACzvnptvVoYEL',
      type: 'message',
      role: 'assistant',
      model: 'claude-of-loopback',
      content: [
        tool === undefined
          ? { type: 'text', text }
          : { type: 'tool_use', id: 'toolu_01A09q90qw90lq917835lq9', name: tool, input: parsedOr(text) },
      ],
      stop_reason: tool === undefined ? 'end_turn' : 'tool_use',
      stop_sequence: null,
      usage: { input_tokens: input, output_tokens: output },
    }),
  };
}

function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { text };
  }
}

const responsesRequest = z.object({
  model: z.string(),
  /** Nothing is to be kept at the vendor. */
  store: z.literal(false),
  max_output_tokens: z.int().positive(),
  input: z.array(z.object({ role: z.enum(['system', 'developer', 'user']), content })).min(1),
  text: z.object({
    format: z.object({
      type: z.literal('json_schema'),
      name: z.string(),
      strict: z.literal(true),
      schema: z.looseObject({}),
    }),
  }),
});

/** OpenAI, POST /v1/responses. */
export const openaiResponses = (): Wire => ({
  path: '/responses',
  promptOf: (body) =>
    responsesRequest
      .parse(body)
      .input.map(({ content: of }) => textOf(of))
      .join('\n'),
  answerOf: (text, { input, output }) => ({
    id: 'resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b',
    object: 'response',
    created_at: 1_760_000_000,
    status: 'completed',
    error: null,
    incomplete_details: null,
    model: 'gpt-of-loopback',
    output: [
      {
        id: 'msg_67ccd2bf17f0819081ff3bb2cf6508e60bb6a6b452d3795b',
        type: 'message',
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', text, annotations: [] }],
      },
    ],
    usage: {
      input_tokens: input,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: input + output,
    },
  }),
});

const chatRequest = z.object({
  model: z.string(),
  max_tokens: z.int().positive().optional(),
  max_completion_tokens: z.int().positive().optional(),
  messages: z.array(z.object({ role: z.enum(['system', 'developer', 'user']), content })).min(1),
  response_format: z.object({
    type: z.literal('json_schema'),
    json_schema: z.object({ name: z.string(), strict: z.literal(true), schema: z.looseObject({}) }),
  }),
});

/** OpenAI and what is compatible with it (Ollama, vLLM), POST /v1/chat/completions. */
export const chatCompletions = (): Wire => ({
  path: '/chat/completions',
  promptOf: (body) =>
    chatRequest
      .parse(body)
      .messages.map(({ content: of }) => textOf(of))
      .join('\n'),
  answerOf: (text, { input, output }) => ({
    id: 'chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT',
    object: 'chat.completion',
    created: 1_760_000_000,
    model: 'model-of-loopback',
    system_fingerprint: 'fp_ollama',
    choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
    usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output },
  }),
});
