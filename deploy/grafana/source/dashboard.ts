import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  type QueryVariableBuilder,
  RowBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { ANNOTATIONS } from './annotations.ts';
import { DASHBOARDS, type DashboardName, menu } from './links.ts';
import type { PlacedLater } from './panels.ts';

const COLUMNS = 24;
const HEIGHTS = { small: 4, large: 8, tall: 14 } as const;
const TAG = 'liminal';

export interface Row {
  /** Undefined: it goes on with the row before. */
  title: string | undefined;
  panels: readonly PlacedLater[];
  columns: number;
}

export const row = (title: string, panels: readonly PlacedLater[], columns = panels.length): Row => ({
  title,
  panels,
  columns,
});

export const continued = (panels: readonly PlacedLater[], columns = panels.length): Row => ({
  title: undefined,
  panels,
  columns,
});

/** A dashboard as Grafana reads it, from its rows. Panels of a row stand beside each other, as many as its width takes. */
export function dashboard(
  name: DashboardName,
  {
    description,
    variables,
    rows,
  }: { description: string; variables: readonly QueryVariableBuilder[]; rows: readonly Row[] },
): Dashboard {
  const { uid, title } = DASHBOARDS[name];
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags([TAG])
    .timezone('browser')
    .readonly()
    .refresh('30s')
    .time({ from: 'now-3h', to: 'now' })
    .tooltip(DashboardCursorSync.Crosshair)
    .variables([...variables])
    .annotations(ANNOTATIONS)
    .link(menu(TAG));
  let id = 0;
  let y = 0;
  for (const { title, panels, columns } of rows) {
    if (title !== undefined)
      builder.withRow(new RowBuilder(title).id(++id).gridPos({ x: 0, y: y++, w: COLUMNS, h: 1 }));
    let x = 0;
    let height = 0;
    for (const panel of panels) {
      const w = panel.width ?? Math.floor(COLUMNS / columns);
      if (x + w > COLUMNS) {
        y += height;
        x = 0;
        height = 0;
      }
      panel.builder.id(panel.id ?? ++id);
      panel.builder.gridPos({ x, y, w, h: HEIGHTS[panel.kind] });
      builder.withPanel(panel.builder);
      x += w;
      height = Math.max(height, HEIGHTS[panel.kind]);
    }
    y += height;
  }
  return builder.build();
}
