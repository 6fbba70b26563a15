import { parseArgs } from 'node:util';
import { ConfigError } from '@liminal/shared/runtime/base-config';
import { z } from 'zod';

export const USAGE = `eval:llm [--incidents N] [--users N] [--seed N] [--json FILE]

Runs labelled incidents of the simulator through the configured LLM providers, and prints how right each is, how right their
consensus is, and what it costs. The analyst by rule is the baseline. Needs no running suite.

  --incidents N  incidents of each of the six attack scenarios, and as many false alarms (default 10)
  --users N      users of the simulated platform (default 300)
  --seed N       seed of the simulated day (default 101)
  --json FILE    also writes every verdict to a file

Providers come from the environment, as for the backend: LLM_PROVIDERS, the keys and the limits (services/backend/README.md).
Without LLM_PROVIDERS three servers on loopback stand in that speak the wire formats of Anthropic, OpenAI and Ollama: what
they say is by rule of thumb, and tells nothing of any model.

Examples:

  npx -y pnpm@12.21.0 eval:llm
  npx -y pnpm@12.21.0 eval:llm --incidents 3 --json verdicts.json
  LLM_PROVIDERS='[{"name":"local","kind":"openai-compatible","model":"qwen3:8b","baseUrl":"http://localhost:11434/v1"}]' \\
    LLM_TIMEOUT_MS=300000 npx -y pnpm@12.21.0 eval:llm --incidents 5
  ANTHROPIC_API_KEY_FILE=~/.anthropic-key LLM_USD_PER_HOUR=2 LLM_PROVIDERS='[{"name":"claude","kind":"anthropic",
    "model":"claude-sonnet-4-5","usdPerMillionInputTokens":3,"usdPerMillionOutputTokens":15}]' npx -y pnpm@12.21.0 eval:llm
`;

export interface EvalOptions {
  incidents: number;
  users: number;
  seed: number;
  json: string | undefined;
}

const optionsSchema = z.object({
  incidents: z.coerce.number().int().min(1).max(100).default(10),
  users: z.coerce.number().int().min(100).max(5_000).default(300),
  seed: z.coerce.number().int().min(0).default(101),
  json: z.string().min(1).optional(),
});

/** Throws `ConfigError` that names the flag and what is wrong with it. */
export function readOptions(argv: readonly string[]): EvalOptions | 'help' {
  const values = parseFlags(argv);
  if (values.help === true) return 'help';
  const parsed = optionsSchema.safeParse(values);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `--${path.join('.')}: ${message}`);
    throw new ConfigError(`${problems.join('; ')}. Try --help`);
  }
  const { incidents, users, seed, json } = parsed.data;
  return { incidents, users, seed, json };
}

function parseFlags(argv: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    const options = {
      incidents: text,
      users: text,
      seed: text,
      json: text,
      help: { type: 'boolean', short: 'h' },
    } as const;
    return parseArgs({ args: [...argv], options }).values;
  } catch (error) {
    throw new ConfigError(`${error instanceof Error ? error.message : String(error)}. Try --help`);
  }
}
