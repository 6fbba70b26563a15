import { PanelBuilder as BarGaugeBuilder } from '@grafana/grafana-foundation-sdk/bargauge';
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  BarGaugeDisplayMode,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  ScaleDistribution,
  ScaleDistributionConfigBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizOrientation,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  type DashboardLinkBuilder,
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  type Panel,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StateTimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TextBuilder, TextMode } from '@grafana/grafana-foundation-sdk/text';
import { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { hasLimit, type Limits, thresholds } from './limits.ts';

/** Provisioned under this uid, so that the dashboards need no choice of a data source. */
export const PROMETHEUS = { type: 'prometheus', uid: 'prometheus' };

/** A text or colour for each value that a state can have. */
export type States = Record<number, { text: string; color: string }>;

export interface PanelOptions {
  /** What it shows, and what to think of it, for someone who sees it for the first time at night. */
  description: string;
  unit: string;
  /** PromQL by legend; `{{label}}` in a legend is the value of the label. */
  queries: Record<string, string>;
  limits: Limits;
  /** Where to go on from here. */
  links: readonly DashboardLinkBuilder[];
  /** In columns of 24; without it, the panels of a row share the width. */
  width?: number;
  min?: number;
  max?: number;
  decimals?: number;
  /** Said in place of "No data". */
  whenEmpty?: string;
}

/** A panel that waits for its place, `row` by `row`. */
export interface PlacedLater {
  kind: 'small' | 'large' | 'tall';
  /** Where links lead to it; the others are counted. */
  id?: number;
  width: number | undefined;
  builder: PanelBuilder;
}

type PanelBuilder = Builder<Panel> & {
  id(id: number): unknown;
  gridPos(position: { x: number; y: number; w: number; h: number }): unknown;
};

type SharedBuilder = StatBuilder | TimeSeriesBuilder | StateTimelineBuilder | TableBuilder | BarGaugeBuilder;

/** One number (or one a series) as it is now. A service that has gone leaves it empty, not at its last value. */
export function stat(title: string, options: PanelOptions & { states?: States }): PlacedLater {
  const builder = describe(new StatBuilder(), title, options)
    .graphMode(BigValueGraphMode.None)
    .colorMode(options.states === undefined ? BigValueColorMode.Value : BigValueColorMode.Background)
    .textMode(
      Object.keys(options.queries).some((legend) => legend !== title)
        ? BigValueTextMode.ValueAndName
        : BigValueTextMode.Value,
    )
    .reduceOptions(LAST)
    .mappings(mappings(options.states));
  for (const target of targets(options, 'instant')) builder.withTarget(target);
  return { kind: 'small', width: options.width, builder };
}

/** Series over time. Lines named budget, threshold, limit or floor are what the others are to be compared with. */
export function graph(
  title: string,
  options: PanelOptions & { stacked?: boolean; logarithmic?: boolean },
): PlacedLater {
  const builder = describe(new TimeSeriesBuilder(), title, options)
    .lineWidth(1)
    .fillOpacity(options.stacked ? 30 : 8)
    .showPoints(VisibilityMode.Never)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.PaletteClassic))
    .stacking(new StackingConfigBuilder().mode(options.stacked ? StackingMode.Normal : StackingMode.None).group('A'))
    .thresholdsStyle(
      new GraphThresholdsStyleConfigBuilder().mode(
        hasLimit(options.limits) ? GraphThresholdsStyleMode.Dashed : GraphThresholdsStyleMode.Off,
      ),
    )
    .scaleDistribution(options.logarithmic ? LOGARITHMIC : LINEAR)
    .legend(LEGEND)
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
  for (const [name, color] of COLORS) builder.overrideByName(name, [{ id: 'color', value: fixed(color) }]);
  builder.overrideByRegexp('^(budget|threshold|limit|floor)\\b', [
    { id: 'color', value: fixed('red') },
    { id: 'custom.lineStyle', value: { fill: 'dash', dash: [10, 10] } },
    { id: 'custom.fillOpacity', value: 0 },
    { id: 'custom.stacking', value: { mode: 'none', group: 'A' } },
  ]);
  for (const target of targets(options, 'range')) builder.withTarget(target);
  return { kind: 'large', width: options.width, builder };
}

/** Which state each series was in, over time. */
export function timeline(title: string, options: PanelOptions & { states: States }): PlacedLater {
  const builder = describe(new StateTimelineBuilder(), title, options)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .mappings(mappings(options.states))
    .showValue(VisibilityMode.Never)
    .mergeValues(true)
    .legend(LEGEND);
  for (const target of targets(options, 'range')) builder.withTarget(target);
  return { kind: 'large', width: options.width, builder };
}

/** One bar a series, as it is now, longest where it is the most. */
export function bars(title: string, options: PanelOptions): PlacedLater {
  const builder = describe(new BarGaugeBuilder(), title, options)
    .displayMode(BarGaugeDisplayMode.Basic)
    .orientation(VizOrientation.Horizontal)
    .reduceOptions(LAST);
  for (const target of targets(options, 'instant')) builder.withTarget(target);
  return { kind: 'large', width: options.width, builder };
}

/** One line a series, as it is now: the labels in `columns`, in their order and under these names, and nothing else. */
export function table(title: string, options: PanelOptions & { columns: Record<string, string> }): PlacedLater {
  const names = Object.keys(options.columns);
  const builder = describe(new TableBuilder(), title, options)
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({ id: 'filterFieldsByName', options: { include: { names } } })
    .withTransformation({
      id: 'organize',
      options: {
        indexByName: Object.fromEntries(names.map((name, index) => [name, index])),
        renameByName: options.columns,
      },
    });
  for (const target of targets(options, 'instant')) builder.withTarget(target.format(PromQueryFormat.Table));
  return { kind: 'large', width: options.width, builder };
}

/** A page of text. */
export function page(
  title: string,
  { markdown, id, links }: { markdown: string; id: number; links: readonly DashboardLinkBuilder[] },
): PlacedLater {
  const builder = new TextBuilder()
    .title(title)
    .mode(TextMode.Markdown)
    .content(markdown)
    .links([...links]);
  return { kind: 'tall', id, width: undefined, builder };
}

function describe<Kind extends SharedBuilder>(builder: Kind, title: string, options: PanelOptions): Kind {
  builder
    .title(title)
    .description(options.description)
    .datasource(PROMETHEUS)
    .unit(options.unit)
    .links([...options.links])
    .thresholds(thresholds(options.limits));
  if (options.min !== undefined) builder.min(options.min);
  if (options.max !== undefined) builder.max(options.max);
  if (options.decimals !== undefined) builder.decimals(options.decimals);
  if (options.whenEmpty !== undefined) builder.noValue(options.whenEmpty);
  return builder;
}

function targets({ queries }: PanelOptions, when: 'instant' | 'range'): DataqueryBuilder[] {
  return Object.entries(queries).map(([legend, expr], index) => {
    const target = new DataqueryBuilder()
      .refId(String.fromCharCode('A'.charCodeAt(0) + index))
      .datasource(PROMETHEUS)
      .expr(expr)
      .legendFormat(legend);
    if (when === 'instant') return target.instant();
    // Of latencies, single requests stand in the graph where Prometheus keeps exemplars.
    return expr.includes('_bucket') ? target.range().exemplar(true) : target.range();
  });
}

function mappings(states: States = {}): ValueMapping[] {
  const options = Object.entries(states).map(([value, state], index) => [value, { ...state, index }] as const);
  return options.length === 0 ? [] : [{ type: MappingType.ValueToText, options: Object.fromEntries(options) }];
}

const fixed = (fixedColor: string) => ({ mode: 'fixed', fixedColor });

/** Colours that mean something are the same in every graph. */
const COLORS: readonly (readonly [name: string, color: string])[] = [
  ['critical', 'red'],
  ['warning', 'orange'],
  ['none', 'green'],
  ['refused', 'red'],
  ['failed', 'red'],
];

const LAST = new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false);

const LINEAR = new ScaleDistributionConfigBuilder().type(ScaleDistribution.Linear);
const LOGARITHMIC = new ScaleDistributionConfigBuilder().type(ScaleDistribution.Log).log(10);

const LEGEND = new VizLegendOptionsBuilder()
  .displayMode(LegendDisplayMode.List)
  .placement(LegendPlacement.Bottom)
  .showLegend(true)
  .calcs([]);
