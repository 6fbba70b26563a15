import { parentPort } from 'node:worker_threads';
import type { LoadedRelease } from '@liminal/shared/release/load-release';
import { Mutex } from '@liminal/shared/runtime/mutex';
import { encodedExplanations } from './encoded-explanations.ts';
import {
  type AnomalyTask,
  type EncodedExplanation,
  ExplanationRefusedError,
  type ExplanationTask,
  type VectorExplanation,
} from './explanation-task.ts';
import { ReleaseExplainer } from './release-explainer.ts';

/** To the thread. It answers in the order of the requests. */
export type ThreadRequest =
  | { type: 'open'; loaded: LoadedRelease }
  | { type: 'close'; release: string }
  | { type: 'explain'; task: ExplanationTask }
  | { type: 'explain-anomalies'; release: string; anomalies: readonly AnomalyTask[] };

/** From the thread. */
export type ThreadAnswer =
  | { type: 'done'; result: undefined | VectorExplanation | EncodedExplanation[] }
  | { type: 'refused'; code: ExplanationRefusedError['code'] }
  | { type: 'failed'; error: Error };

/** Entry of the thread that `Explanations` starts. Serves single vectors by the release opened last. */
const port = parentPort!;
const open = new Map<string, ReleaseExplainer>();
let newest: ReleaseExplainer | undefined;

async function answer(request: ThreadRequest): Promise<ThreadAnswer & { type: 'done' }> {
  switch (request.type) {
    case 'open':
      newest = await ReleaseExplainer.open(request.loaded);
      open.set(request.loaded.manifest.id, newest);
      return { type: 'done', result: undefined };
    case 'close':
      await open.get(request.release)?.close();
      open.delete(request.release);
      return { type: 'done', result: undefined };
    case 'explain':
      if (newest === undefined) throw new Error('no release is open for explanations');
      return { type: 'done', result: await newest.explain(request.task) };
    case 'explain-anomalies': {
      const explainer = open.get(request.release);
      if (explainer === undefined) throw new Error(`release ${request.release} is not open for explanations`);
      return { type: 'done', result: await encodedExplanations(explainer, request.anomalies) };
    }
  }
}

const oneByOne = new Mutex();
port.on('message', (request: ThreadRequest) => {
  void oneByOne
    .run(() => answer(request))
    .catch((error: unknown): ThreadAnswer => {
      if (error instanceof ExplanationRefusedError) return { type: 'refused', code: error.code };
      return { type: 'failed', error: error instanceof Error ? error : new Error(String(error)) };
    })
    .then((message) => port.postMessage(message));
});
