import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { MonitoringProcess } from './monitoring-process.ts';
import { findProgram } from './promtool.ts';

const START = fileURLToPath(new URL('../../deploy/alertmanager/start.sh', import.meta.url));

export const alertmanagerProgram = (): string | undefined => findProgram('alertmanager', 'prometheus-alertmanager');

/** The real Alertmanager with the configuration of the repository, started as Compose starts it. */
export function startAlertmanager(program: string, webhookUrl: string | undefined): Promise<MonitoringProcess> {
  return MonitoringProcess.start(async (directory, port) => {
    const args = [START, `--storage.path=${directory}/data`, `--web.listen-address=127.0.0.1:${port}`];
    return {
      program: findProgram('busybox') === undefined ? 'sh' : 'busybox',
      args: [...(findProgram('busybox') === undefined ? [] : ['sh']), ...args, '--cluster.listen-address='],
      env: { ALERTMANAGER: program, ALERTMANAGER_RUN_DIR: directory, ALERT_WEBHOOK_URL: webhookUrl ?? '' },
    };
  }, '/-/ready');
}

const notificationSchema = z.object({
  alerts: z.array(z.object({ status: z.enum(['firing', 'resolved']), labels: z.record(z.string(), z.string()) })),
});
export type Notification = z.infer<typeof notificationSchema>['alerts'][number] & { at: number };

/** Takes what Alertmanager tells. */
export class WebhookReceiver implements AsyncDisposable {
  /** With the time of `performance.now`, oldest first. */
  readonly told: Notification[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += String(chunk);
      });
      request.on('end', () => {
        const at = performance.now();
        for (const alert of notificationSchema.parse(JSON.parse(body)).alerts) this.told.push({ ...alert, at });
        response.end();
      });
    });
  }

  static async start(): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver();
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/alerts?to=people`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
