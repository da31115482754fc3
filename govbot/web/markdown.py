"""Markdown of an answer as safe HTML: no raw HTML, no links, no images; citation marks live."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markupsafe import Markup, escape

from govbot.errors import Invalid
from govbot.privacy import MASKED

# What a text may turn into. Links are left out on purpose: an answer made from documents that
# anyone may have written must not be able to send the reader, or the reader's data, elsewhere.
TAGS: Final = {
    "p", "br", "strong", "em", "del", "code", "pre", "blockquote", "ul", "ol", "li", "hr",
    "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td", "sup",
}  # fmt: skip
ATTRIBUTES: Final = {"sup": {"data-cite"}, "ol": {"start"}}
MAX_LENGTH: Final = 200_000
_MARK = re.compile(r"\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]")
_PLACE = re.compile(r'<sup data-cite="(\d+)"></sup>')


def to_html(text: str, links: Mapping[int, tuple[str, str]] | None = None) -> Markup:
    """HTML of `text`. `links` gives the address and the label of each citation number.

    A mark without a link is shown as a plain number (while an answer is being written), and a
    `[n]` that no citation stands for keeps its brackets once `links` is given.
    """
    if len(text) > MAX_LENGTH:
        raise Invalid("The text is too long to be shown.")
    html = nh3.clean(_parser().render(text), tags=TAGS, attributes=ATTRIBUTES)

    def place(match: re.Match[str]) -> str:
        number = int(match[1])
        if links is None:
            return f'<sup class="cite">{number}</sup>'
        if number not in links:
            return f"[{number}]"
        address, label = links[number]
        return str(
            Markup(
                '<a class="cite" href="{href}" data-panel aria-label="{label}" title="{label}">'
                "{number}</a>"
            ).format(href=address, label=label, number=number)
        )

    return Markup(_PLACE.sub(place, html))  # noqa: S704 - cleaned by nh3 above


def to_text(text: str) -> Markup:
    """Plain text with its line breaks, escaped."""
    return Markup("<br>").join(escape(text).splitlines())


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(
        ["table", "strikethrough"]
    )
    parser.disable(["link", "image", "autolink", "html_inline", "html_block", "reference"])
    parser.inline.ruler.before("emphasis", "cite", _cite)
    parser.inline.ruler.before("emphasis", "masked", _masked)
    parser.add_render_rule("cite", _render_cite)
    # A page has its own headings above the answer's.
    parser.core.ruler.push("lower_headings", _lower_headings)
    return parser


def _cite(state: StateInline, silent: bool) -> bool:
    match = _MARK.match(state.src, state.pos)
    if match is None or state.src[match.end() : match.end() + 1] == "(":
        return False
    if not silent:
        for number in re.findall(r"\d+", match[1]):
            token = state.push("cite", "sup", 0)
            token.content = number
    state.pos = match.end()
    return True


def _masked(state: StateInline, silent: bool) -> bool:
    """The stars of ***.456.789-** are no emphasis."""
    match = MASKED.match(state.src, state.pos)
    if match is None:
        return False
    if not silent:
        state.pending += match[0]
    state.pos = match.end()
    return True


def _render_cite(self: RendererHTML, tokens: Any, index: int, options: Any, env: Any) -> str:
    return f'<sup data-cite="{tokens[index].content}"></sup>'


def _lower_headings(state: Any) -> None:
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"
