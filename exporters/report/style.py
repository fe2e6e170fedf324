"""The stylesheet of the report: that of the pages, and its charts, light and dark."""

from exporters.html.stylesheet import STYLESHEET

REPORT_STYLE = (
    STYLESHEET
    + """
:root { --c-continue: #2f8f5b; --c-correct: #d08a00; --c-scrap: #c2282d; --c-hold: #8a94a0; --mark: #0a58a8;
  --area: #b9d3ee; --rest: #e9ecef; --fault: #b58bd6; }
@media (prefers-color-scheme: dark) {
  :root { --c-continue: #4cb67e; --c-correct: #e0a93a; --c-scrap: #e8686b; --c-hold: #76828e; --mark: #7db8f5;
    --area: #2c4a68; --rest: #262e36; --fault: #8a63ab; } }
svg { display: block; width: 100%; height: auto; overflow: visible; }
.wide svg { min-width: 44rem; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
svg text.name { fill: var(--ink); font-size: 12px; }
svg text.head { font-weight: 600; fill: var(--ink); font-size: 12px; }
.grid { stroke: var(--line); stroke-width: 1; fill: none; }
.limit { stroke: var(--bad); stroke-width: 1.2; stroke-dasharray: 5 3; fill: none; }
.zero { stroke: var(--soft); stroke-width: 1; fill: none; }
.line { stroke: var(--mark); stroke-width: 1.6; fill: none; stroke-linecap: round; stroke-linejoin: round; }
.line.second { stroke: var(--c-correct); }
.area { fill: var(--area); stroke: var(--area); stroke-width: 1; }
.rest { fill: var(--rest); }
.breach { fill: var(--bad); fill-opacity: .22; }
.cause { fill: var(--warn); fill-opacity: .2; }
.fault { fill: var(--fault); fill-opacity: .55; }
.fault.faint { fill-opacity: .16; }
.sign { stroke: var(--ink); stroke-width: 2; fill: none; }
.lane { fill: var(--rest); fill-opacity: .45; }
.b-critical, .b-breach { fill: var(--c-scrap); }
.b-warning { fill: var(--c-correct); }
.b-info, .b-version { fill: var(--mark); }
.b-version.odd { fill: var(--c-hold); }
.b-continue { fill: var(--c-continue); }
.b-correct { fill: var(--c-correct); }
.b-scrap { fill: var(--c-scrap); }
.dot { fill: var(--c-hold); }
.dot-gate { fill: var(--c-scrap); }
.b-hold { fill: var(--c-hold); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem; margin-top: 1rem; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .7rem .9rem; }
.tile strong { display: block; font-size: 1.45rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.changes { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.2rem; margin: 0; }
.changes dd, .changes dd p { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 36rem) { .changes { grid-template-columns: 1fr; gap: 0; } .changes dd { margin-bottom: .5rem; } }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: 1rem; }
.plots.two { grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); }
figure { margin: 0 0 .6rem; min-width: 0; }
figcaption { font-size: .9rem; margin-bottom: .15rem; overflow-wrap: anywhere; }
h3 { font-size: 1rem; margin: 1.1rem 0 .4rem; overflow-wrap: anywhere; }
h4 { font-size: .9rem; margin: .8rem 0 .3rem; color: var(--soft); }
section > h3:first-of-type { margin-top: .2rem; }
section > .wide + h3:first-of-type { margin-top: 1.1rem; }
.changes time { white-space: nowrap; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1rem; padding: 0; margin: .2rem 0 .6rem; list-style: none;
  color: var(--soft); font-size: .85rem; }
.legend svg { display: inline-block; width: 1.1rem; height: .7rem; margin-right: .35rem; vertical-align: baseline; }
.chip.promoted, .chip.in_force { color: var(--ok); background: var(--ok-ground); }
.chip.failed { color: var(--bad); background: var(--bad-ground); }
.chip.refused, .chip.requested, .chip.queued, .chip.training, .chip.rolled_back { color: var(--warn);
  background: var(--warn-ground); }
.detected { color: var(--ok); font-weight: 600; }
.missed { color: var(--bad); font-weight: 600; }
td.number, th.number { text-align: right; }
.texts td:last-child { min-width: 17rem; }
.narrow table { min-width: 0; }
details { margin: .3rem 0 .6rem; }
nav.contents { flex-wrap: wrap; margin-top: .6rem; }
p { margin: .3rem 0 .6rem; }
@media print { body { background: #fff; } section, .tile { break-inside: avoid; } }
"""
)
