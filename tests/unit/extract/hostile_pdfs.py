"""PDFs that attack or confuse the reader, each made on the spot in a few milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tests.unit.extract.pdf_parts import TEXT, assembled, assembled_with_stream, bomb, stream


def _one_page(content: bytes, extra: bytes = b"", **objects: bytes) -> bytes:
    return assembled([*_base(extra), stream(content), *objects.values()])


def _base(extra: bytes = b"", box: bytes = b"[0 0 595 842]") -> list[bytes]:
    """Catalog 1, pages 2, page 3, font 4; the page's content is object 5."""
    return [
        b"<</Type/Catalog/Pages 2 0 R" + extra + b">>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox" + box + b"/Contents 5 0 R"
        b"/Resources<</Font<</F1 4 0 R>>/XObject<</X 6 0 R>>>>>>",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]


def good() -> bytes:
    return _one_page(TEXT)


def cut_at(share: float) -> Callable[[], bytes]:
    return lambda: good()[: int(len(good()) * share)]


def ten_bytes() -> bytes:
    return b"%PDF-1.7\n\n"


def recursive_page_tree() -> bytes:
    return assembled(
        [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"]
    )


def page_tree_as_deep_as_it_is_long() -> bytes:
    nodes = [b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % (n + 3) for n in range(20_000)]
    return assembled([b"<</Type/Catalog/Pages 2 0 R>>", *nodes, b"<</Type/Page>>"])


def cyclic_outlines() -> bytes:
    item = b"<</Title(a)/Parent 6 0 R/First 7 0 R/Next 7 0 R/Prev 7 0 R>>"
    return _one_page(
        TEXT, b"/Outlines 6 0 R", a=b"<</Type/Outlines/First 7 0 R/Last 7 0 R/Count 9>>", b=item
    )


def many_pages() -> bytes:
    """100 000 pages that are one page."""
    base = _base()
    base[1] = b"<</Type/Pages/Count 100000/Kids[" + b"3 0 R " * 100_000 + b"]>>"
    return assembled([*base, stream(TEXT)])


def claimed_pages() -> bytes:
    """A page tree that says it has two thousand million pages."""
    base = _base()
    base[1] = b"<</Type/Pages/Count 2000000000/Kids[3 0 R]>>"
    return assembled([*base, stream(TEXT)])


def flate_bomb() -> bytes:
    """A page whose content is 2 GB of spaces."""
    packed = bomb(b" ", 2000)
    head = b"<</Length %d/Filter/FlateDecode>>stream\n" % len(packed)
    return assembled([*_base(), head + packed + b"\nendstream"])


def object_stream_bomb() -> bytes:
    """A catalogue within an object stream of 2 GB."""
    packed = bomb(b" ", 2000, b"1 0 <</Type/Catalog/Pages 2 0 R>>")
    head = b"<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>stream\n" % len(packed)
    objects = [*_base()[1:], stream(TEXT), head + packed + b"\nendstream"]
    return assembled_with_stream([b"", *objects], compressed={1: 6})


def huge_page() -> bytes:
    return assembled([*_base(box=b"[-1e30 -1e30 1e30 1e30]"), stream(TEXT)])


def nested_forms() -> bytes:
    """Form XObjects that each show the next one twice: 2 to the power of 40 of them."""
    forms = []
    for depth in range(40):
        inner = b"/Resources<</XObject<</X %d 0 R>>/Font<</F1 4 0 R>>>>" % (7 + depth)
        forms.append(stream(b"/X Do /X Do", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]" + inner))
    last = stream(b"0 0 m 9 9 l S", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]")
    return assembled([*_base(), stream(TEXT + b" /X Do"), *forms, last])


def form_that_shows_itself() -> bytes:
    inner = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 6 0 R>>>>"
    return _one_page(TEXT + b" /X Do", x=stream(b"/X Do", inner))


def actions() -> bytes:
    """Scripts and programs to start when the document opens, and when a field is calculated."""
    extra = (
        b"/OpenAction<</S/Launch/F(/bin/sh)/Win<</F(cmd.exe)>>>>"
        b"/AA<</WC<</S/JavaScript/JS(while(1){})>>>>"
        b"/Names<</JavaScript<</Names[(a)<</S/JavaScript/JS(while(1){})>>]>>>>"
        b"/AcroForm<</Fields[6 0 R]/CO[6 0 R]>>"
    )
    field = (
        b"<</FT/Tx/T(campo)/V(valor)/Subtype/Widget/Rect[9 9 99 29]"
        b"/AA<</C<</S/JavaScript/JS(while(1){})>>>>>>"
    )
    return _one_page(TEXT, extra, field=field)


def wrong_xref() -> bytes:
    return good().replace(b"startxref\n", b"startxref\n9")


def xref_that_points_to_itself() -> bytes:
    data = good()
    at = data.rindex(b"startxref\n") + 10
    place = data[at:].split(b"\n")[0]
    return data.replace(b"trailer\n<<", b"trailer\n<</Prev " + place)


def lone_surrogates() -> bytes:
    """A ToUnicode map that gives halves of pairs, and metadata with them."""
    cmap = (
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap 1 begincodespacerange"
        b" <00> <FF> endcodespacerange 2 beginbfchar <41> <D800> <42> <DC00DC00> endbfchar"
        b" endcmap end end"
    )
    base = _base()
    base[3] = base[3].replace(b">>", b"/ToUnicode 6 0 R>>")
    return assembled([*base, stream(TEXT + b" BT /F1 12 Tf 72 600 Td (ABAB) Tj ET"), stream(cmap)])


def null_bytes() -> bytes:
    return _one_page(TEXT + b" BT /F1 12 Tf 72 600 Td (a\\000b\\000\\001) Tj ET\x00\x00")


def font_without_letters() -> bytes:
    """A font whose codes nobody knows: neither an encoding nor a table to Unicode."""
    base = _base()
    base[3] = (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 1 1]/FontMatrix[1 0 0 1 0 0]/CharProcs<<>>"
        b"/Encoding<</Differences[65/g1/g2/g3/g4]>>/FirstChar 65/LastChar 68/Widths[1 1 1 1]>>"
    )
    return assembled([*base, stream(TEXT)])


def deep_arrays() -> bytes:
    return _one_page(TEXT, b"/X " + b"[" * 200_000)


def many_glyphs() -> bytes:
    """Letters one by one at places that are not on the page."""
    content = b"".join(b"1 0 0 1 %d %d Tm(x)Tj " % (n * 7919, -n) for n in range(60_000))
    return _one_page(TEXT + b" BT /F1 12 Tf " + content + b"ET")


def many_rulings() -> bytes:
    """Graph paper: 3 000 lines across and down, with text between them."""
    lines = b"".join(b"%d 0 m %d 842 l S 0 %d m 595 %d l S " % (n, n, n, n) for n in range(1500))
    return _one_page(lines + TEXT)


def text_of_all_sizes() -> bytes:
    """Numbers beyond what a float holds, in matrices and sizes."""
    return _one_page(
        b"BT /F1 1e38 Tf 1e38 1e38 -1e38 1e38 1e38 0 Tm (grande) Tj /F1 1e-38 Tf (pequeno) Tj ET "
        + TEXT
    )


ANY = ("", "E-CORROMPIDO", "E-VAZIO", "E-DIGITALIZADO", "E-TEMPO", "E-MEMORIA", "E-TAMANHO")
UNREADABLE = ("E-CORROMPIDO", "E-VAZIO", "E-DIGITALIZADO")
# What may come out: "" is a result.
CASES: Mapping[str, tuple[Callable[[], bytes], Sequence[str]]] = {
    "good": (good, [""]),
    "cut at 10 %": (cut_at(0.1), ["E-CORROMPIDO", "E-VAZIO"]),
    "cut at 50 %": (cut_at(0.5), ["", "E-CORROMPIDO", "E-VAZIO", "E-DIGITALIZADO"]),
    "cut at 90 %": (cut_at(0.9), ["", "E-CORROMPIDO", "E-VAZIO"]),
    "ten bytes": (ten_bytes, ["E-CORROMPIDO"]),
    "recursive page tree": (recursive_page_tree, UNREADABLE),
    "deep page tree": (page_tree_as_deep_as_it_is_long, UNREADABLE),
    "cyclic outlines": (cyclic_outlines, [""]),
    "100 000 pages": (many_pages, ["E-PAGINAS"]),
    "2 000 000 000 pages": (claimed_pages, ["", "E-PAGINAS"]),
    "flate bomb": (flate_bomb, ANY),
    "object stream bomb": (object_stream_bomb, ["", "E-MEMORIA", "E-CORROMPIDO"]),
    "huge page": (huge_page, ["", "E-CORROMPIDO", "E-VAZIO"]),
    "nested forms": (nested_forms, ANY),
    "form that shows itself": (form_that_shows_itself, [""]),
    "actions": (actions, [""]),
    "wrong xref": (wrong_xref, [""]),
    "xref loop": (xref_that_points_to_itself, ["", "E-CORROMPIDO"]),
    "lone surrogates": (lone_surrogates, [""]),
    "null bytes": (null_bytes, [""]),
    "font without letters": (font_without_letters, ["", "E-VAZIO", "E-DIGITALIZADO"]),
    "deep arrays": (deep_arrays, ANY),
    "many glyphs": (many_glyphs, ["", "E-TAMANHO", "E-DIGITALIZADO"]),
    "many rulings": (many_rulings, [""]),
    "text of all sizes": (text_of_all_sizes, [""]),
}  # fmt: skip
