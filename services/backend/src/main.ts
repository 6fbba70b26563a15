import { runService } from '@liminal/shared/runtime/service';
import { service } from './app.ts';

await runService(service);
