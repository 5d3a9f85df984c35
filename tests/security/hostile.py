"""Hostile texts for the page, and what shows that none of them became more than text."""

from __future__ import annotations

from typing import Final

DO: Final = ("window.pwned=1", "fetch('/pwned')", "location='/pwned'", "document.title='pwned'", "alert(1)")
MAKE: Final = """
<script>DO</script>
<SCRIPT SRC=/pwned></SCRIPT>
<img src=x onerror=DO>
<img src="/pwned">
<svg onload=DO>
<svg><script>DO</script></svg>
<svg><animate onbegin=DO attributeName=x dur=1s>
<math><mtext><table><mglyph><style><img src=x onerror=DO>
<iframe srcdoc="<script>parent.DO</script>"></iframe>
<iframe src="javascript:DO"></iframe>
<object data="/pwned"></object>
<embed src="/pwned">
<link rel=stylesheet href=/pwned>
<link rel=prefetch href=/pwned>
<meta http-equiv=refresh content="0;/pwned">
<base href="/pwned/">
<style>@import "/pwned"; * { background: url(/pwned) }</style>
<form action=/pwned><input name=x autofocus onfocus=DO></form>
<details open ontoggle=DO>
<video src=/pwned onerror=DO autoplay></video>
<body onload=DO>
<a href="javascript:DO" id=x>x</a>
![x](/pwned)
![x](http://127.0.0.1:1/pwned)
[x](javascript:DO)
<template><img src=x onerror=DO></template>
<noscript><p title="</noscript><img src=x onerror=DO>">
</textarea><script>DO</script>
--><script>DO</script>
"><img src=x onerror=DO>
'-DO-'
${DO}
{{constructor.constructor('DO')()}}
\\u003cscript\\u003eDO\\u003c/script\\u003e
&lt;script&gt;DO&lt;/script&gt;
<xss style="animation-name:x" onanimationstart=DO>
<img src=1 href=1 onerror="javascript:DO"></img>
]]><script>DO</script>
<?xml version="1.0"?><x:script xmlns:x="http://www.w3.org/1999/xhtml">DO</x:script>
<input onauxclick=DO autofocus>
""".strip().split("\n")
PAYLOADS: Final = [text.replace("DO", do) for text in MAKE for do in (DO if "DO" in text else DO[:1])][:100]

# Row 18: Markdown that carries what was said to somebody else's server, if anything of it is loaded by itself.
CARRIERS: Final = r"""
![x](URL)
[x](URL)
[![x](URL)](URL)
![x][1]\n\n[1]: URL
<URL>
URL
<img src='URL'>
<link rel=stylesheet href='URL'>
$\\includegraphics{URL}$
$\\href{URL}{x}$
$$\\url{URL}$$
![x](//URL)
```URL\nx\n```
| ![x](URL) |\n|---|\n| ![x](URL) |
- [ ] ![x](URL)
[1]: URL "x"
> <iframe src="URL">
""".strip().split("\n")

# What Markdown of an answer may become (`chat/markdown/sanitise.js`), and what our code puts around it.
IN_ANSWERS: Final = frozenset(
    """p br hr h2 h3 h4 h5 h6 strong em b i u s del mark sub sup kbd code pre blockquote ul ol li table thead tbody tr th
    td a span div figure figcaption details summary button svg path math mrow mi mn mo mtext semantics annotation""".split()
)
# Elements anywhere on the page that our code does not make, or that lead where it does not lead.
AUDIT: Final = r"""(() => {
  const never = "iframe, frame, object, embed, base, style, video, audio, form[action], [formaction], [srcset], [srcdoc]";
  const found = [...document.querySelectorAll(`${never}, #view [style]`)].filter((one) => one.localName !== "textarea");
  for (const one of document.querySelectorAll("*")) {
    const href = one.getAttribute("href") ?? "#/", src = one.getAttribute("src") ?? "/static/icon.svg";
    const away = /^(https?|mailto):/.test(href) && one.rel === "noopener noreferrer nofollow";
    const handlers = [...one.attributes].some(({name}) => name.startsWith("on"));
    const ours = /^\/static\/(v[0-9a-f]{12}\/)?(icon\.svg|app\.js)$/.test(src);
    if (handlers || !ours || !(away || /^(#|\/static\/|\/docs$)/.test(href))) found.push(one);
  }
  return found.map((one) => one.outerHTML.slice(0, 200));
})()"""
