import { writeFile } from 'node:fs/promises';
import { DOCS, PAGES } from './pages.ts';

for (const [file, page] of Object.entries(PAGES)) await writeFile(new URL(file, DOCS), page());
