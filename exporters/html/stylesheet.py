"""The stylesheet of all pages, light and dark."""

STYLESHEET = """
:root { --ground: #f6f7f8; --card: #fff; --ink: #16202a; --soft: #5b6875; --line: #dde2e7; --link: #0a58a8;
  --ok: #1a6b3c; --ok-ground: #dff2e6; --bad: #a3171c; --bad-ground: #fbe1e1; --warn: #7a4a00; --warn-ground: #fdeccd; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #11161b; --card: #1a2128; --ink: #e4e9ee; --soft: #9aa7b4; --line: #303a44; --link: #7db8f5;
    --ok: #86dba6; --ok-ground: #163524;
    --bad: #ffa3a3; --bad-ground: #47191b; --warn: #f5c878; --warn-ground: #40300f;
  } }
* { box-sizing: border-box; }
time span { white-space: nowrap; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 1.25rem 1rem 3rem; }
h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 .6rem; }
h3 { font-size: .95rem; margin: .8rem 0 .2rem; }
a { color: var(--link); }
header { display: flex; flex-wrap: wrap; gap: .4rem 1.5rem; align-items: baseline; justify-content: space-between; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .9rem 1rem;
  margin-top: 1rem; }
.muted { color: var(--soft); margin: .2rem 0; }
.wide { overflow-x: auto; }
.wide + .wide { margin-top: .9rem; }
table { border-collapse: collapse; width: 100%; min-width: 46rem; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .85rem; }
th, td { padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td { overflow-wrap: break-word; }
td[data-head="Likely cause"] { min-width: 8rem; } td[data-head="What"] { min-width: 15rem; }
td form { margin-top: 0; } td details form { margin-top: .5rem; } td input { flex-basis: 7rem; min-width: 0; }
@media (max-width: 46rem) {
  .wide table { min-width: 0; } .wide table, .wide tbody { display: block; } .wide thead { display: none; }
  .wide tr { display: block; padding: .45rem 0; border-bottom: 1px solid var(--line); }
  .wide tr:last-child { border-bottom: 0; }
  .wide td { display: flow-root; padding: .06rem 0 .06rem 9rem; border: 0; white-space: normal; text-align: left;
    overflow-wrap: anywhere; }
  .wide td::before { content: attr(data-head); float: left; width: 8.4rem; margin-left: -9rem; color: var(--soft);
    font-size: .85rem; overflow-wrap: anywhere; }
  .wide td[data-head=""] { padding-left: 0; } .wide td[data-head=""]::before { content: none; }
  .wide td[data-head] { min-width: 0; } .wide td:empty { display: none; } .wide td .chip { white-space: normal; }
}
.chip { border-radius: 4px; padding: .05rem .45rem; font-size: .85rem; font-weight: 600; white-space: nowrap;
  color: var(--soft); background: var(--line); }
.chip.ok, .chip.continue, .chip.sent { color: var(--ok); background: var(--ok-ground); }
.status.old ~ * .chip.ok { color: inherit; background: none; opacity: .6; }
.chip.breach, .chip.scrap, .chip.dead, .chip.critical,
.chip.overdue { color: var(--bad); background: var(--bad-ground); }
.chip.no_data, .chip.cannot_judge, .chip.hold, .chip.warning, .chip.correct, .chip.pending {
  color: var(--warn); background: var(--warn-ground); }
.status { margin: 0 0 .8rem; padding: .4rem .8rem; border-radius: 8px; font-weight: 600; overflow-wrap: anywhere; }
.status a { color: inherit; text-decoration: none; display: block; }
.status.good { color: var(--ok); background: var(--ok-ground); }
.status.poor { color: var(--warn); background: var(--warn-ground); }
.status.bad { color: var(--bad); background: var(--bad-ground); }
section > p:first-child { margin-top: 0; } section > p:last-child { margin-bottom: 0; }
.text h2 { margin-top: 1.3rem; } .text { overflow-wrap: anywhere; }
pre { overflow-x: auto; background: var(--ground); border-radius: 6px; padding: .6rem .8rem; }
code { font-size: .9em; overflow-wrap: anywhere; } pre code { overflow-wrap: normal; }
form { display: flex; gap: .5rem; flex-wrap: wrap; margin-top: 1rem; }
input, button { font: inherit; padding: .35rem .6rem; border: 1px solid var(--line); border-radius: 6px;
  background: var(--card); color: var(--ink); }
input { flex: 1 1 14rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .3rem 0 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
details summary { cursor: pointer; color: var(--soft); }
"""
