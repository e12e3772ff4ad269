"""Components (Streamlit's v2) whose code the browser fetches once and keeps.

Streamlit sends a component's inline code again with every message; a poll each second should carry data alone.
So the inline code is a few lines that import `static/<name>.js`, named with its content's hash.
"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import streamlit as st

STATIC = Path(__file__).parent / "static"

_LOADER = """
const address = (file) => new URL("app/static/" + file, document.baseURI).href;
const code = import(address("{script}"));
export default function (component) {{
  const place = component.parentElement;
  code.then((it) => it.render(component, address("{styles}")));
  return () => code.then((it) => it.unmount(place));
}}
"""


def component(name: str, *, css: str) -> Callable[..., Any]:
    """The mount callable of `static/<name>.js`, which exports `render(component, styles)` and `unmount(place)`.

    `css` holds the room open until the rest has arrived; more than a line of it.
    """
    html = f'<div class="{name}"></div>'
    loader = _LOADER.format(script=_versioned(f"{name}.js"), styles=_versioned(f"{name}.css"))
    return st.components.v2.component(f"cnnlab_{name}", html=html, css=css, js=loader)


def _versioned(file: str) -> str:
    return f"{file}?v={sha256((STATIC / file).read_bytes()).hexdigest()[:12]}"
