import { writeFile } from 'node:fs/promises';
import { PAGES } from './pages.ts';

const ROOT = new URL('../../', import.meta.url);

for (const [file, page] of Object.entries(PAGES)) await writeFile(new URL(file, ROOT), page());
