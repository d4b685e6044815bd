#!/usr/bin/env bash
# Builds src/report/page/vendor.js, the library that every HTML report carries: the charts of Apache ECharts that a report
# draws, with its SVG renderer, and the headless tables of TanStack. Needs node and npm; the versions are pinned, so the
# same bytes come out. Cargo does not run it: the result is kept in the repository.
#
#   scripts/charts.sh            # writes src/report/page/vendor.js
#   scripts/charts.sh --check    # builds, and says whether it is what is kept
set -euo pipefail
cd "$(dirname "$0")/.."
kept=src/report/page/vendor.js
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/package.json" <<'JSON'
{
  "private": true,
  "dependencies": {
    "echarts": "6.1.0", "zrender": "6.1.0", "tslib": "2.3.0",
    "@tanstack/table-core": "9.3.1", "@tanstack/store": "0.11.2",
    "esbuild": "0.28.2"
  }
}
JSON
cat >"$work/entry.mjs" <<'JS'
import { init, use } from "echarts/core";
import { BarChart, HeatmapChart, LineChart } from "echarts/charts";
import {
  DataZoomSliderComponent, GridComponent, LegendScrollComponent, MarkLineComponent, TooltipComponent,
  VisualMapContinuousComponent,
} from "echarts/components";
import { SVGRenderer } from "echarts/renderers";
import {
  columnFilteringFeature, constructTable, createFilteredRowModel, createPaginatedRowModel, createSortedRowModel,
  globalFilteringFeature, rowPaginationFeature, rowSortingFeature, tableFeatures,
} from "@tanstack/table-core";
import { storeReactivityBindings } from "@tanstack/table-core/store-reactivity-bindings";

use([
  BarChart, HeatmapChart, LineChart, DataZoomSliderComponent, GridComponent, LegendScrollComponent, MarkLineComponent,
  TooltipComponent, VisualMapContinuousComponent, SVGRenderer,
]);

const features = tableFeatures({
  coreReactivityFeature: storeReactivityBindings(),
  columnFilteringFeature, globalFilteringFeature, filteredRowModel: createFilteredRowModel(),
  rowSortingFeature, sortedRowModel: createSortedRowModel(),
  rowPaginationFeature, paginatedRowModel: createPaginatedRowModel(),
});

/** A chart in `element`, as SVG. */
export const chart = (element) => init(element, null, { renderer: "svg" });
/** A table that searches, sorts and pages `options.data`; who asks it for rows draws them. */
export const table = (options) => constructTable({ ...options, features });
JS
(cd "$work" && npm install --silent --no-audit --no-fund --ignore-scripts=false >/dev/null)
(cd "$work" && npx esbuild entry.mjs --bundle --minify --format=iife --global-name=vendor --target=es2020 \
    --legal-comments=none --log-level=warning --outfile=bundle.js)
{
    echo '/*!'
    echo 'Built by scripts/charts.sh from Apache ECharts 6.1.0, ZRender 6.1.0, tslib 2.3.0 and TanStack Table 9.3.1. Their notices:'
    for part in echarts/NOTICE zrender/LICENSE tslib/LICENSE.txt @tanstack/table-core/LICENSE; do
        printf '\n--- %s\n' "$part"
        cat "$work/node_modules/$part"
    done
    printf '\n--- echarts/LICENSE: Apache License, Version 2.0, http://www.apache.org/licenses/LICENSE-2.0\n'
    # Its end names the files that are of others (d3, under the BSD license).
    sed -n '/Apache ECharts Subcomponents/,$p' "$work/node_modules/echarts/LICENSE"
    find "$work/node_modules/echarts/licenses" -type f | sort | while read -r part; do
        printf '\n--- echarts/licenses/%s\n' "${part##*/}"
        cat "$part"
    done
    echo '*/'
    cat "$work/bundle.js"
    # A browser reads CR LF as LF, and then the script would not have the hash that the policy names.
} | tr -d '\r' >"$work/vendor.js"
if [ "${1:-}" = --check ]; then
    cmp "$work/vendor.js" "$kept" && echo "$kept is what this script builds"
else
    cp "$work/vendor.js" "$kept"
    ls -l "$kept"
fi
