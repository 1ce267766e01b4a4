/** The style sheet of an HTML report: light and dark as the reader's system has it, ink on white in print. */
export const HTML_STYLE = `
:root{color-scheme:light dark;--bg:#fbfbfa;--card:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d8dce1;--grid:#e8eaed;
--good:#1a7f4b;--warning:#9a5b00;--critical:#c0262d;--note:#2f6f9f;
--s0:#1f6feb;--s1:#c2510c;--s2:#1a7f64;--s3:#8250df;--s4:#9a6700;--s5:#bf3989}
@media (prefers-color-scheme:dark){:root{--bg:#0f1317;--card:#171c22;--ink:#e8ebee;--soft:#a3adb8;--line:#303840;--grid:#252c34;
--good:#4cc38a;--warning:#e3a33c;--critical:#ff7b72;--note:#79b8ff;
--s0:#6cb0ff;--s1:#ffa05c;--s2:#56d3a6;--s3:#c297ff;--s4:#e3b341;--s5:#ff87c5}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;overflow-wrap:anywhere}
main{max-width:960px;margin:0 auto;padding:24px 20px 48px}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 4px}
h2{font-size:1.2rem;margin:36px 0 10px;padding-top:14px;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:20px 0 6px}
p{margin:8px 0;max-width:72ch}
code{font:0.88em/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--grid);padding:1px 5px;border-radius:4px}
a{color:var(--s0)}
.when,.note,.more,.alt{color:var(--soft);font-size:.9rem}
.verdict{margin:18px 0 0;padding:14px 18px;border-left:6px solid;border-radius:6px;background:var(--card);font-size:1.1rem;max-width:none}
.verdict b{display:block;font-size:.8rem;letter-spacing:.04em;text-transform:uppercase}
.good{color:var(--good)}.warning{color:var(--warning)}.critical{color:var(--critical)}
.verdict.good,.verdict.warning,.verdict.critical{border-color:currentColor}.verdict span{color:var(--ink)}
.findings{list-style:none;margin:0;padding:0;display:grid;gap:10px}
.findings li{background:var(--card);border:1px solid var(--line);border-left:5px solid;border-radius:6px;padding:10px 14px}
.findings li.critical{border-left-color:var(--critical)}.findings li.warning{border-left-color:var(--warning)}.findings li.note{border-left-color:var(--note);color:inherit}
.findings .severity{font-size:.78rem;font-weight:600;letter-spacing:.04em;text-transform:uppercase}
.findings .note .severity{color:var(--note)}
.findings .what{color:var(--ink);font-weight:600}
.findings div{color:var(--ink)}
.findings .who,.findings .next{font-weight:400;font-size:.95rem}
.findings .who{color:var(--soft)}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:10px;margin:12px 0;padding:0}
.figures div{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:10px 14px}
.figures dt{color:var(--soft);font-size:.85rem}.figures dd{margin:0;font-size:1.45rem;font-weight:600;line-height:1.3}
.figures dd.note{font-size:.85rem;font-weight:400}
.scroll{overflow-x:auto;margin:8px 0 4px}
table{border-collapse:collapse;width:100%;font-size:.92rem;background:var(--card);border:1px solid var(--line)}
caption{text-align:left;font-weight:600;padding:6px 0}
th,td{padding:6px 10px;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
@media (min-width:641px){th,td{overflow-wrap:break-word}}
thead th{color:var(--soft);font-weight:600;font-size:.85rem;background:var(--bg)}
tbody th{font-weight:600}
.right{text-align:right;font-variant-numeric:tabular-nums}
figure{margin:14px 0;padding:12px 14px 8px;background:var(--card);border:1px solid var(--line);border-radius:6px;break-inside:avoid}
figcaption{font-weight:600;margin-bottom:4px}
figcaption .unit{color:var(--soft);font-weight:400}
svg{display:block;max-width:100%;height:auto}
svg text{fill:var(--soft);font:12px system-ui,sans-serif}
svg .grid{stroke:var(--grid)}svg .axis{stroke:var(--soft)}svg .limit{stroke:var(--critical);stroke-dasharray:5 4}
svg .line{fill:none;stroke-width:2;stroke-linejoin:round}
svg .whisker{stroke-width:3;stroke-linecap:round}
svg .good,svg .warning,svg .critical{fill:currentColor;stroke:none}
svg .whisker.good,svg .whisker.warning,svg .whisker.critical{stroke:currentColor}
${[0, 1, 2, 3, 4, 5].map((n) => `svg .s${n}{fill:var(--s${n})}svg .line.s${n},svg .whisker.s${n}{fill:none;stroke:var(--s${n})}i.s${n}{background:var(--s${n})}`).join("\n")}
svg .line.s1,svg .line.s4{stroke-dasharray:7 3}svg .line.s2,svg .line.s5{stroke-dasharray:2 3}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;margin:4px 0;padding:0;list-style:none;font-size:.88rem}
.legend i{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:6px;vertical-align:-1px}
.narrow{display:none}.narrow svg{width:100%}
footer{margin-top:40px;border-top:1px solid var(--line);padding-top:10px;color:var(--soft);font-size:.85rem}
@media (max-width:640px){main{padding:16px 14px 32px}h1{font-size:1.35rem}.wide{display:none}.narrow{display:block}figure{padding:10px 8px 6px}
.figures{grid-template-columns:1fr 1fr}.figures dd{font-size:1.2rem}
table,tbody,tr,th,td,caption{display:block}thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
table{border:0;background:none}tr{background:var(--card);border:1px solid var(--line);border-radius:6px;margin:0 0 8px;padding:6px 12px}
th,td{border:0;padding:2px 0}tbody th{font-size:1rem}
td{display:flex;justify-content:space-between;gap:16px;text-align:right}td::before{content:attr(data-title);color:var(--soft);text-align:left;flex:none;max-width:50%}}
@media print{:root{--bg:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--grid:#ddd;--good:#116637;--warning:#7a4700;--critical:#a01018;--note:#1f5580;
--s0:#0b57c4;--s1:#a5430a;--s2:#106650;--s3:#6a3bbf;--s4:#7a5200;--s5:#9c2c70}
body{font-size:10.5pt}main{max-width:none;padding:0}h2,h3{break-after:avoid}tr,.findings li{break-inside:avoid}thead{display:table-header-group}*{print-color-adjust:exact}
th,td{overflow-wrap:break-word;padding:4px 7px}table{font-size:9pt}thead,caption{break-after:avoid}}
`.trim();
