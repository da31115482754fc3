"""Whether a page is valid HTML, as far as a parser and the rules below can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import html5lib

HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
# Elements that hold text and inline elements alone, and those that may not stand in them.
INLINE = {*HEADINGS, "p", "span", "label", "button", "legend", "strong", "em", "small", "code", "q"}
BLOCKS = {
    *HEADINGS, "p", "div", "ul", "ol", "dl", "table", "form", "section", "article", "nav", "aside",
    "header", "footer", "main", "figure", "fieldset", "blockquote", "details", "dialog", "pre",
}  # fmt: skip
CHILDREN = {
    "ul": {"li", "template"},
    "ol": {"li", "template"},
    "dl": {"dt", "dd", "div"},
    "select": {"option", "optgroup"},
    "tr": {"th", "td"},
}
CONTROLS = {"a", "button", "input", "select", "textarea", "summary"}
REFERENCES = ("for", "aria-controls", "aria-describedby", "aria-labelledby", "form", "list")
# Where htmx asks on its own, nothing has to work without it.
BY_ITSELF = ("load", "every", "revealed", "intersect", "sse:", "from:body", "from:document")


def faults(text: str) -> list[str]:
    """What is wrong with the page; without scripts too, where htmx stands in front of a form."""
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    root = parser.parse(text)
    found = [f"{code} {position} {places}" for position, code, places in parser.errors]
    elements = list(_walk(root, ()))
    ids = Counter(each.get("id") for each, _ in elements if each.get("id") is not None)
    found += [f"id twice: {name}" for name, count in ids.items() if count > 1 or not name]
    for element, parents in elements:
        found += _nesting(element, parents)
        for name in REFERENCES:
            missing = [each for each in (element.get(name) or "").split() if each not in ids]
            found += [f"{element.tag}[{name}] names {each}" for each in missing]
        found += _without_scripts(element, parents)
    return found


def _walk(element: Any, parents: tuple[Any, ...]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    if isinstance(element.tag, str) and element.tag != "noscript":
        yield element, parents
        for child in element:
            yield from _walk(child, (*parents, element))


def _nesting(element: Any, parents: tuple[Any, ...]) -> list[str]:
    tag, around = element.tag, [each.tag for each in parents]
    if not parents:
        return []
    name = f"{tag}.{element.get('class') or ''}"
    found = [f"{name} in {each}" for each in around if each in INLINE and tag in BLOCKS]
    if tag in CONTROLS and element.get("type") != "hidden":
        found += [f"{name} in {each}" for each in around if each in ("a", "button")]
    allowed = CHILDREN.get(around[-1])
    if allowed is not None and tag not in allowed and tag != "script":
        found.append(f"{name} in {around[-1]}")
    if tag == "summary" and around[-1] != "details":
        found.append(f"{name} outside of details")
    if tag == "img" and element.get("alt") is None:
        found.append(f"{name} without alt")
    if tag == "button" and element.get("type") is None:
        found.append(f"{name} without type")
    if element.get("style") is not None or any(each.startswith("on") for each in element.attrib):
        found.append(f"{name} with inline style or script")
    return found


def _without_scripts(element: Any, parents: tuple[Any, ...]) -> list[str]:
    """htmx stands only in front of a link or form that does the same without it."""
    if element.get("hx-get") is None and element.get("hx-post") is None:
        return []
    if any(word in (element.get("hx-trigger") or "") for word in BY_ITSELF):
        return []
    in_form = any(each.tag == "form" and each.get("action") for each in (element, *parents))
    if in_form or (element.tag == "a" and element.get("href")) or element.get("form"):
        return []
    return [f"{element.tag} {element.attrib} does nothing without scripts"]
