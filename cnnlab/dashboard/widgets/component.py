"""This module makes components (Streamlit's v2) whose code and styles the browser fetches once and keeps.

Streamlit sends a component's inline code again with every message; a poll each second should carry data alone.
So the inline code is a few lines that import `static/<name>/<name>.js`.
"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import streamlit as st

STATIC = Path(__file__).parents[1] / "app" / "static"
"""Beside the router: Streamlit serves the folder of that name beside the script it runs."""
_CODE = b"".join(path.read_bytes() for path in sorted(STATIC.rglob("*.*")) if path.suffix in (".js", ".css"))
VERSION = f"?v={sha256(_CODE).hexdigest()[:12]}"
"""Part of every address of ours, so that no browser mixes today's files with those it kept from an older cnnlab."""

_LOADER = """
const code = import(new URL("app/static/{name}/{name}.js{version}", document.baseURI).href);
const loaded = (link) => link.sheet ?? new Promise((done) => {{
  for (const end of ["load", "error"]) link.addEventListener(end, done, {{ once: true }});
}});
export default function (component) {{
  const place = component.parentElement;
  Promise.all([code, ...[...place.querySelectorAll("link")].map(loaded)]).then(([it]) => it.render(component));
  return () => code.then((it) => it.unmount(place));
}}
"""


def component(name: str, *styles: str, css: str) -> Callable[..., Any]:
    """Return the mount callable of `static/<name>/<name>.js`, which exports `render(component)` and `unmount(place)`.

    `styles`: its style sheets, as paths in static/. `css` holds the room open until they have arrived; more than a line of it.
    """
    links = "".join(f'<link rel="stylesheet" href="app/static/{file}{VERSION}">' for file in styles)
    html = f'{links}<div class="{name}"></div>'
    return st.components.v2.component(
        f"cnnlab_{name}", html=html, css=css, js=_LOADER.format(name=name, version=VERSION)
    )
