"""What the pages show of the check of sentences."""

from __future__ import annotations

import re

from govbot.chat.support import Reason, State, Support
from tests.web.conftest import SignIn
from tests.web.scene import Scene, Script
from tests.web.test_chat import answered

TEXT = "São trinta dias [1]. São <b>90</b> dias\ue0001\ue001 [1][1].\n\n- Vale para **todos**."
WRONG = TEXT.index("São <b>")
LAST = TEXT.index("Vale")


async def test_doubtful_sentences_are_marked_in_words_and_explained_below(
    scene: Scene, signed_in: SignIn
) -> None:
    reader = await signed_in("reader")
    support = [
        Support(0, 20, State.SUPPORTED, Reason.NONE, (1,)),
        Support(
            WRONG, TEXT.index("\n"), State.UNSUPPORTED, Reason.VALUE, (1,),
            ((TEXT.index("<b>"), TEXT.index(" dias\ue000")),),
        ),
        Support(LAST, len(TEXT), State.WEAK, Reason.UNCITED),
        Support(9_000, 9_001, State.WEAK, Reason.WORDS),
    ]  # fmt: skip
    script = Script([TEXT], citations=[scene.citation()], sources=[scene.law_key], support=support)
    _, page = await answered(reader, scene, script)
    prose = page[page.index("data-answer-text") : page.index('class="doubts"')]
    listed = page[page.index('class="doubts"') : page.index('class="sources"')]
    marks = re.findall(r'<a class="doubt doubt-(\w+)" href="#([^"]+)"[^>]*>([^<]+)</a>', prose)
    assert [mark[0] for mark in marks] == ["unsupported", "weak"]
    assert [f'id="{anchor}"' in listed for _, anchor, _ in marks] == [True, True]
    assert all(words.strip() for _, _, words in marks)
    assert "<b>90" not in page
    assert "&lt;b&gt;90&lt;/b&gt;" in listed
    assert "\ue000" not in page
    # Behind the marks of its sentence, and nothing behind the one that is borne out.
    assert re.search(r"trinta dias <a class=.cite.[^>]+>1</a>\. São", prose)
    assert "data-checked" not in page
    # A clean answer says that it was looked through; excerpts have their own label.
    clean = Script(["São trinta dias [1]."], citations=[scene.citation()], support=support[:1])
    assert "data-checked" in (await answered(reader, scene, clean))[1]
