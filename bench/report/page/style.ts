import { chartStyle, themeStyle } from '../charts/chart.ts';

/** All of the page's style. No font, no image and nothing else comes from anywhere but this text. */
export const pageStyle = `${themeStyle(':root')}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:break-word}
main,header,footer{max-width:968px;margin:0 auto;padding:0 24px}
header{padding-top:28px}
h1{font-size:1.55rem;line-height:1.25;margin:.1em 0 .7em;font-weight:650;letter-spacing:-.01em}
h2{font-size:1.2rem;line-height:1.3;margin:0 0 .6em;font-weight:650}
p,ul,pre,figure,dl{margin:0 0 1em}
section[id]{margin-top:2.6rem;padding-top:1.5rem;border-top:1px solid var(--rule)}
section>p,section>ul,figcaption{max-width:76ch}
ul{padding-left:1.2em}li{margin-bottom:.35em}
a{color:var(--arm-0)}
.kicker,figcaption,.scroll~p,.code,nav,footer{color:var(--muted);font-size:.875rem}
.kicker{margin:0}
code,pre{font:.875em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
pre{background:var(--shade);padding:.8em 1em;border-radius:4px;overflow-x:auto}
.good{--tone:var(--good)}.bad{--tone:var(--bad)}.doubt{--tone:var(--doubt)}
.verdict{border-left:5px solid var(--tone);background:var(--shade);padding:.8rem 1.1rem;border-radius:0 4px 4px 0;margin-bottom:1.2rem}
.verdict p{margin:0}.word{font-size:1.35rem;font-weight:700;color:var(--tone);letter-spacing:.02em}
.word .code{font-weight:400;letter-spacing:0;margin-left:.4em}
.answer p{margin-bottom:.6em}.lead{font-weight:600}
.cautious{display:grid;grid-template-columns:minmax(0,3fr) minmax(0,2fr);gap:0 1.8rem}
aside{border-left:3px solid var(--doubt);padding-left:1rem;font-size:.9rem;line-height:1.5;align-self:start;margin-bottom:1rem}
aside h2{font-size:.9rem;margin:0 0 .2em;color:var(--doubt)}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));gap:1px;margin-top:.4rem}
.tile{box-shadow:0 0 0 1px var(--rule);padding:.6rem .8rem .65rem}
.tile dt,.tile dd{margin:0;font-size:.84rem;line-height:1.45;color:var(--muted);font-variant-numeric:tabular-nums}
.tile .value{font-size:1.5rem;line-height:1.3;font-weight:650;color:var(--ink)}
.judged{white-space:nowrap;font-weight:600;color:var(--tone)}
nav{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;margin-top:1.4rem}
nav a{color:inherit}
.scroll{overflow-x:auto;margin:0 0 .9em}
table{border-collapse:collapse;font-size:.875rem;line-height:1.4;font-variant-numeric:tabular-nums;min-width:100%}
th,td{padding:.38rem .6rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--rule)}
th:first-child{padding-left:0}td:last-child,th:last-child{padding-right:.2rem}.short{white-space:nowrap}table code{white-space:nowrap}.long{min-width:17rem}
tbody th{font-weight:500}tr>th:first-child{position:sticky;left:0;background:var(--paper);z-index:1}thead th{font-weight:600;border-bottom-color:var(--muted);vertical-align:bottom}
.number{text-align:right;white-space:nowrap}thead .number{white-space:normal}
.facts th{color:var(--muted);font-weight:400;width:13rem}
.facts td{overflow-wrap:anywhere;min-width:0}
.bar{background:linear-gradient(var(--muted),var(--muted)) no-repeat left .6rem top 1.68rem/calc((100% - 1.2rem)*var(--share)) 3px,linear-gradient(var(--rule),var(--rule)) no-repeat left .6rem top 1.68rem/calc(100% - 1.2rem) 3px;padding-bottom:.6rem}
th button{all:unset;cursor:pointer;color:inherit;font:inherit;position:relative}
th button:hover{text-decoration:underline}th button:focus-visible,a:focus-visible,.scroll:focus-visible,pre:focus-visible{outline:2px solid var(--arm-0);outline-offset:2px}
th button::after{content:"↕";position:absolute;left:100%;bottom:0;color:var(--muted);font-size:.72rem;font-weight:400;opacity:.5}
th[aria-sort=ascending] button::after{content:"↑";opacity:1}th[aria-sort=descending] button::after{content:"↓";opacity:1}
figure{margin-top:.4rem}figcaption{margin-top:.35rem}figcaption strong{color:var(--ink);font-weight:600}
.pair{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:0 24px}
svg.chart{display:block;width:100%;height:auto}.narrow{display:none}
footer{padding-top:2rem;padding-bottom:3rem}
#live{position:sticky;top:0;z-index:2;background:var(--paper);border-bottom:1px solid var(--rule);padding:.45rem 24px;margin:0;text-align:center;font-size:.9rem;font-variant-numeric:tabular-nums}
#live::before{content:"●";color:var(--good);margin-right:.5em}#live.over::before{color:var(--muted)}#live.lost::before{color:var(--bad)}
${chartStyle}
@media (max-width:640px){body{font-size:15px}main,header,footer{padding-left:16px;padding-right:16px}h1{font-size:1.3rem}
.cautious,.pair{grid-template-columns:minmax(0,1fr)}.wide{display:none}.narrow{display:block}
.tiles{grid-template-columns:repeat(auto-fit,minmax(150px,1fr))}.tile{padding:.55rem .65rem}.tile .value{font-size:1.3rem}
.facts th{width:7.5rem}}
@media print{body{font-size:10.5pt}main,header,footer{max-width:none;padding:0}nav,button::after,.save{display:none}
section[id]{break-before:auto;margin-top:1.6rem;padding-top:1rem}h2{break-after:avoid}figure,tr,.tile,.verdict{break-inside:avoid}
.wide{display:block}.narrow{display:none}.pair{grid-template-columns:repeat(2,minmax(0,1fr))}.scroll{overflow:visible}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`;
