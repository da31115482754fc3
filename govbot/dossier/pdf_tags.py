"""The structure of a PDF for screen readers: marks in the pages, and the tree that they hang in.

reportlab writes pages without structure. While it draws, each paragraph is put between marks with a
number; afterwards pypdf hangs the numbers into a tree of elements (ISO 32000-1, 14.7).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any


@dataclass(slots=True)
class Element:
    """A node of the tree. `marks` are (page from 0, number within it)."""

    role: str
    children: list[Element] = field(default_factory=list)
    marks: list[tuple[int, int]] = field(default_factory=list)

    def child(self, role: str) -> Element:
        """A new element below this one."""
        made = Element(role)
        self.children.append(made)
        return made


class Tags:
    """What was marked so far."""

    def __init__(self) -> None:
        self.root = Element("Document")
        self._next: dict[int, int] = {}

    @contextmanager
    def marked(self, canvas: Any, element: Element) -> Iterator[None]:
        """What is drawn in the block belongs to `element`."""
        page = canvas.getPageNumber() - 1
        number = self._next.get(page, 0)
        self._next[page] = number + 1
        element.marks.append((page, number))
        canvas._code.append(f"/{element.role} <</MCID {number}>> BDC")
        yield
        canvas._code.append("EMC")

    @contextmanager
    def artifact(self, canvas: Any) -> Iterator[None]:
        """What is drawn in the block is no content: the foot of a page."""
        canvas._code.append("/Artifact BMC")
        yield
        canvas._code.append("EMC")


@cache
def paragraph_class() -> type[Any]:
    """A paragraph of reportlab that marks what it draws; its halves on two pages do, too."""
    from reportlab.platypus import Paragraph

    class Tagged(Paragraph):  # type: ignore[misc]
        tags: Tags
        element: Element

        def split(self, width: float, height: float) -> list[Any]:
            parts: list[Any] = super().split(width, height)
            for part in parts:
                part.tags, part.element = self.tags, self.element
            return parts

        def draw(self) -> None:
            with self.tags.marked(self.canv, self.element):
                super().draw()

    return Tagged


def tagged(pdf: bytes, tags: Tags, *, language: str, title: str, made_at: datetime) -> bytes:
    """The file with its tree, its language, and its title to be shown by the reading program."""
    from pypdf import PdfWriter
    from pypdf.generic import (
        ArrayObject,
        DictionaryObject,
        NameObject,
        NumberObject,
    )

    writer = PdfWriter(clone_from=io.BytesIO(pdf))
    pages: list[list[Any]] = [[] for _page in writer.pages]
    tree = DictionaryObject({NameObject("/Type"): NameObject("/StructTreeRoot")})
    tree_ref = writer._add_object(tree)

    def add(element: Element, parent: Any) -> Any:
        node = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/StructElem"),
                NameObject("/S"): NameObject(f"/{element.role}"),
                NameObject("/P"): parent,
            }
        )
        ref = writer._add_object(node)
        kids: list[Any] = []
        for page, number in element.marks:
            kids.append(
                DictionaryObject(
                    {
                        NameObject("/Type"): NameObject("/MCR"),
                        NameObject("/Pg"): writer.pages[page].indirect_reference,
                        NameObject("/MCID"): NumberObject(number),
                    }
                )
            )
            own = pages[page]
            own.extend([None] * (number + 1 - len(own)))
            own[number] = ref
        kids += [add(child, ref) for child in element.children]
        node[NameObject("/K")] = ArrayObject(kids)
        return ref

    tree[NameObject("/K")] = add(tags.root, tree_ref)
    numbers: list[Any] = []
    for at, own in enumerate(pages):
        page = writer.pages[at]
        page[NameObject("/StructParents")] = NumberObject(at)
        page[NameObject("/Tabs")] = NameObject("/S")
        numbers += [NumberObject(at), writer._add_object(ArrayObject(own))]
    tree[NameObject("/ParentTree")] = writer._add_object(
        DictionaryObject({NameObject("/Nums"): ArrayObject(numbers)})
    )
    tree[NameObject("/ParentTreeNextKey")] = NumberObject(len(pages))
    _describe(writer, tree_ref, language=language, title=title, made_at=made_at)
    packed = io.BytesIO()
    writer.write(packed)
    return packed.getvalue()


def _describe(writer: Any, tree: Any, *, language: str, title: str, made_at: datetime) -> None:
    """What the file says of itself."""
    from pypdf.generic import BooleanObject, DictionaryObject, NameObject, TextStringObject

    root = writer.root_object
    root[NameObject("/StructTreeRoot")] = tree
    root[NameObject("/MarkInfo")] = DictionaryObject({NameObject("/Marked"): BooleanObject(True)})
    root[NameObject("/Lang")] = TextStringObject(language)
    root[NameObject("/ViewerPreferences")] = DictionaryObject(
        {NameObject("/DisplayDocTitle"): BooleanObject(True)}
    )
    stamp = made_at.strftime("D:%Y%m%d%H%M%S")
    writer.add_metadata({"/Title": title, "/CreationDate": stamp, "/Producer": "GovBot"})
