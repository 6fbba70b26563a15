import { type ErrorCatalogue, HTTP_ERRORS } from '@liminal/shared/runtime/errors';
import { code, table } from './markdown.ts';
import { SERVICE_DECLARATIONS } from './service-catalogue.ts';

/** docs/errors.md */
export function errorsPage(): string {
  const services = SERVICE_DECLARATIONS.filter(({ errors }) => Object.keys(errors).length > 0);
  return `# Errors

Written by \`pnpm run docs\` from the \`errors.ts\` of the services; edit those.

Every error answer of every service has one form. The code never changes; the message is for people; \`details\`, where
there are any, are facts for programs; \`requestId\` stands in the service's log as well. With status 503 comes
\`Retry-After\` wherever the same call may work a moment later.

\`\`\`json
{ "error": { "code": "LIMINAL_ERR_…", "message": "…", "requestId": "…", "details": {} } }
\`\`\`

${section('every service', HTTP_ERRORS)}

${services.map(({ name, errors }) => section(name, errors)).join('\n\n')}
`;
}

function section(part: string, catalogue: ErrorCatalogue): string {
  const rows = Object.entries(catalogue).map(([name, { status, message, remedy }]) => [
    code(name),
    String(status),
    message,
    remedy,
  ]);
  return `## ${part}\n\n${table(['code', 'status', 'message', 'what to do'], rows)}`;
}
