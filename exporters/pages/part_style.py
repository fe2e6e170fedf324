"""The stylesheet of a part's page and of the lists of parts: that of all pages, and what only these have."""

from exporters.html.html import OWN_IMAGES, policy
from exporters.html.stylesheet import STYLESHEET

PART_STYLE = (
    STYLESHEET
    + """
header form { margin-top: 0; flex: 1 1 16rem; max-width: 24rem; }
.say { font-size: 1.15rem; font-weight: 600; line-height: 1.35; margin: .35rem 0 .25rem; overflow-wrap: anywhere; }
.todo { margin: 0 0 .5rem; }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: .6rem 2rem; }
@media (min-width: 48rem) { .priced { grid-template: "drawn short" auto "facts short" 1fr / 1fr 1fr; }
  .priced .drawn { grid-area: drawn; } .priced .short { grid-area: short; } .priced .facts { grid-area: facts; } }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 0 1rem; }
.cards .say { font-size: 1rem; }
.where { color: var(--soft); margin: 0; font-size: .92rem; }
.cards section, .first { min-width: 0; }
svg.prediction { display: block; width: 100%; max-width: 34rem; height: auto; }
svg text { font: 13px system-ui, sans-serif; fill: var(--soft); }
svg text.strong { fill: var(--ink); font-weight: 600; }
.zone.ok { fill: var(--ok-ground); } .zone.warn { fill: var(--warn-ground); }
.zone.bad { fill: var(--bad-ground); } .zone.rest { fill: var(--line); }
.border { stroke: var(--bad); stroke-width: 1.6; } .border.faint { stroke: var(--warn); stroke-dasharray: 4 3; }
.target { stroke: var(--soft); stroke-dasharray: 2 3; }
.span { fill: var(--link); fill-opacity: .55; } .dot { fill: var(--link); stroke: var(--card); stroke-width: 2; }
.found { fill: var(--ink); stroke: var(--card); stroke-width: 1.5; }
.bar { fill: var(--soft); } .bar.continue { fill: var(--ok); } .bar.correct { fill: var(--warn); }
.bar.scrap { fill: var(--bad); }
.short table { min-width: 0; }
.short td:nth-child(2), .short th:nth-child(2) { text-align: right; }
.short th, .short td { padding-top: .22rem; padding-bottom: .22rem; }
tr.chosen td { font-weight: 600; }
.pictures { display: flex; flex-wrap: wrap; gap: .6rem; margin: .3rem 0; }
.pictures figure { margin: 0; } .pictures figcaption { color: var(--soft); font-size: .85rem; }
.pictures img { display: block; height: 9rem; width: auto; image-rendering: pixelated; border-radius: 4px; }
ul.inputs { columns: 15rem; margin: .4rem 0 0; padding: 0; list-style: none; font-variant-numeric: tabular-nums; }
ul.inputs li { break-inside: avoid; overflow-wrap: anywhere; }
td img { display: block; margin: .3rem 0; }
.near { white-space: nowrap; } .near small { display: block; color: var(--soft); }
.filters { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 0; }
.filters dd { display: flex; flex-wrap: wrap; gap: .1rem .9rem; }
.filters [aria-current] { font-weight: 700; color: var(--ink); text-decoration: none; }
.dl-tight { margin: 0; }
@media (max-width: 30rem) { main { padding: .8rem .6rem 2rem; } section { padding: .7rem .7rem; }
  .dl-tight { grid-template-columns: 1fr; } .dl-tight dd { margin-bottom: .2rem; }
  header form { flex-basis: 100%; max-width: none; }
  svg.prediction { overflow: visible; } svg text { font-size: 15px; } }
"""
)
PART_POLICY = f"{policy(PART_STYLE, OWN_IMAGES)}; frame-ancestors 'none'"
"""The policy that the server sends with these pages."""
