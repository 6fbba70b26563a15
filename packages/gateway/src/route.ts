import { UsageError } from '@liminal/shared/runtime/usage-error';

/** Connections to `port` go to a replica of `service`, to the port of the same number. */
export interface Route {
  port: number;
  service: string;
}

/** Reads `8002=predictor`. Throws UsageError. */
export function parseRoute(text: string): Route {
  const [, digits, service] = /^(\d{1,5})=([a-z0-9][a-z0-9.-]*)$/i.exec(text) ?? [];
  const port = Number(digits);
  if (service === undefined || port < 1 || port > 65535) {
    throw new UsageError(`"${text}" is not a port and a service: write it as 8002=predictor.`);
  }
  return { port, service };
}
