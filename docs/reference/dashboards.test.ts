import * as units from '@grafana/grafana-foundation-sdk/units';
import { describe, expect, it } from 'vitest';
import { ALERTS } from './alert-rules.ts';
import { DASHBOARD_FILES, panelsOf, queriesOf, readDashboard, sourceOf } from './dashboard-files.ts';
import { KNOWN_SERIES } from './known-series.ts';
import { queryNames } from './query-names.ts';

const COLUMNS = 24;
const UNITS = Object.values(units);
/** Variables that Grafana has by itself. */
const BUILT_IN = ['__rate_interval', '__interval', '__range'];
const dashboards = DASHBOARD_FILES.map((file) => ({ file, dashboard: readDashboard(file) }));
const uids = dashboards.map(({ dashboard }) => dashboard.uid);
const variablesIn = (text: string): string[] => [...text.matchAll(/\$\{?(\w+)/g)].map(([, name]) => name!);

describe.each(dashboards)('the dashboard $file', ({ dashboard }) => {
  const panels = panelsOf(dashboard);

  it('has panels with ids and titles of their own, each within the grid and beside the others', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const titles = panels.map(({ title }) => title);
    expect(titles.filter((title, index) => titles.indexOf(title) !== index)).toEqual([]);
    const taken = new Set<string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(COLUMNS);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x},${y}`), `${title} lies on another panel`).toBe(false);
          taken.add(`${x},${y}`);
        }
      }
    }
  });

  it.each(panels)('has colours from low to high in $title', ({ fieldConfig }) => {
    const [base, ...steps] = fieldConfig.defaults.thresholds.steps.map(({ value }) => value);
    expect(base).toBeNull();
    expect(steps).toEqual([...steps].sort((left, right) => Number(left) - Number(right)));
  });

  it.each(panels)('has a unit that Grafana knows in $title', ({ fieldConfig }) => {
    const { unit } = fieldConfig.defaults;
    if (!unit.startsWith('suffix:')) expect(UNITS).toContain(unit);
  });

  it.each(panels)('leads on from $title to a dashboard that there is', ({ links }) => {
    for (const { url } of links) {
      const [, uid, panel] = /^\/d\/([\w-]+)\?(?:\$\{__url_time_range\}&\$\{__all_variables\}|viewPanel=(\d+))$/.exec(
        url,
      )!;
      const target = dashboards.find((each) => each.dashboard.uid === uid);
      expect(target, url).toBeDefined();
      expect(uid, 'a link to where one is').not.toBe(dashboard.uid);
      if (panel !== undefined)
        expect(
          target!.dashboard.panels.map(({ id }) => String(id)),
          url,
        ).toContain(panel);
    }
  });

  it('uses all of its variables, and no others', () => {
    const names = dashboard.templating.list.map(({ name }) => name);
    const used = new Set(queriesOf(dashboard).flatMap(({ query }) => variablesIn(query)));
    const chained = dashboard.templating.list.flatMap((variable) => variablesIn(variable.query.query));
    expect([...used].filter((name) => !names.includes(name) && !BUILT_IN.includes(name))).toEqual([]);
    expect(names.filter((name) => !used.has(name))).toEqual([]);
    expect(chained.filter((name) => !names.includes(name))).toEqual([]);
  });

  it.each(dashboard.templating.list)('takes the values of $name from a label that there is', (variable) => {
    const { selector, label } = sourceOf(variable);
    const [series] = queryNames(selector).series;
    expect(KNOWN_SERIES.get(series!.name)).toContain(label);
  });

  it('shows promotions, rollbacks and alerts on every graph', () => {
    expect(dashboard.annotations.list.map(({ name }) => name)).toEqual(['Releases', 'Rollbacks', 'Alerts']);
  });
});

describe('runbooks', () => {
  const { dashboard } = dashboards.find(({ file }) => file === 'runbooks.json')!;
  const pages = dashboard.panels.filter(({ type }) => type === 'text');

  it('are there for every alert', () => {
    const titles = pages.map(({ title }) => title);
    const alerts = new Set(ALERTS.map(({ alert }) => alert));
    expect([...alerts].filter((alert) => !titles.includes(alert))).toEqual([]);
  });

  it.each([...new Set(ALERTS.map(({ alert }) => alert))])('%s is linked from a panel', (alert) => {
    const links = dashboards.flatMap((each) => panelsOf(each.dashboard).flatMap(({ links }) => links));
    expect(links.map(({ title }) => title)).toContain(`Runbook: ${alert}`);
  });

  it('link only to each other', () => {
    const ids = pages.map(({ id }) => String(id));
    const text = JSON.stringify(pages);
    const links = [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, url]) => url!).filter((url) => !url.startsWith('http'));
    for (const url of links) expect(ids).toContain(/^\/d\/liminal-runbooks\?viewPanel=(\d+)$/.exec(url)?.[1]);
  });
});

describe('the dashboards', () => {
  it('have addresses of their own', () => {
    expect(new Set(uids).size).toBe(uids.length);
    const titles = dashboards.map(({ dashboard }) => dashboard.title);
    expect(new Set(titles).size).toBe(titles.length);
  });

  it('let one choose a service and a model', () => {
    const names = dashboards.flatMap(({ dashboard }) => dashboard.templating.list.map(({ name }) => name));
    expect(names).toContain('service');
    expect(names).toContain('model');
  });
});
