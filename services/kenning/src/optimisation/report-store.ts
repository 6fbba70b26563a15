import { Buffer } from 'node:buffer';
import { getIfPresent, type ModelStore, putImmutable } from '@liminal/shared/adapters/model-store';
import {
  type OptimisationReport,
  optimisationReportSchema,
  reportIdSchema,
  reportKeys,
} from '@liminal/shared/contracts/optimisation-report';
import { canonicalJsonBytes } from '@liminal/shared/release/canonical-json';
import { sha256Hex } from '@liminal/shared/release/sha256';
import type { OptimisationResult } from './optimisation-process.ts';
import { reportHtml } from './report-html.ts';

/** A stored report is not one. */
export class ReportDamagedError extends Error {
  override readonly name = 'ReportDamagedError';
}

/** Reports and the variants that they compare. Nothing that was written ever changes. */
export class ReportStore {
  readonly #store: ModelStore;
  readonly #clock: () => number;

  /** `clock`: milliseconds since the epoch. */
  constructor(store: ModelStore, clock: () => number) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Writes the variants first and the report last: what is listed is whole. */
  async publish(release: string, { models, files, ...rest }: OptimisationResult): Promise<OptimisationReport> {
    const createdAt = new Date(this.#clock()).toISOString();
    const content = { createdAt, release, ...rest };
    const hash = sha256Hex(
      canonicalJsonBytes({ ...content, models, files: files.map(({ bytes }) => sha256Hex(bytes)) }),
    );
    const id = `o-${createdAt.slice(0, 19).replaceAll(/[-:]/g, '')}-${hash.slice(0, 8)}`;
    const report = optimisationReportSchema.parse({
      id,
      ...content,
      models: models.map(({ model, version, variants }) => ({
        model,
        version,
        variants: variants.map((variant) => {
          const file = variant.kind === 'original' ? null : reportKeys.variant(id, model, variant.kind);
          return { ...variant, file };
        }),
      })),
    });
    for (const { model, kind, bytes } of files) {
      await putImmutable(this.#store, reportKeys.variant(id, model, kind), bytes);
    }
    const html = Buffer.from(reportHtml(report));
    await putImmutable(this.#store, reportKeys.html(id), html, { contentType: 'text/html; charset=utf-8' });
    await putImmutable(this.#store, reportKeys.json(id), canonicalJsonBytes(report), {
      contentType: 'application/json',
    });
    return report;
  }

  /** Ids of all reports, newest first. */
  async list(): Promise<string[]> {
    const objects = await this.#store.list(reportKeys.prefix);
    const ids = objects.flatMap(({ key }) => {
      const id = key.split('/')[1]!;
      return reportIdSchema.safeParse(id).success && key === reportKeys.json(id) ? [id] : [];
    });
    return ids.sort().reverse();
  }

  /** Null where there is none. Throws `ReportDamagedError`. */
  async report(id: string): Promise<OptimisationReport | null> {
    const bytes = await getIfPresent(this.#store, reportKeys.json(id));
    if (bytes === null) return null;
    try {
      return optimisationReportSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    } catch (error) {
      throw new ReportDamagedError(`${reportKeys.json(id)} is no report: optimise the release again`, { cause: error });
    }
  }

  /** The page, or null where there is none. */
  async html(id: string): Promise<string | null> {
    const bytes = await getIfPresent(this.#store, reportKeys.html(id));
    return bytes === null ? null : Buffer.from(bytes).toString('utf8');
  }
}
