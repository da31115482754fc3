"""Conversations, questions and answers, with htmx and without JavaScript."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from uuid import UUID

import pytest

from govbot.chat import store
from govbot.db.access import as_actor, as_system
from govbot.ids import MessageId
from tests.web.conftest import HTMX, Client, SignIn
from tests.web.scene import Scene, Script, revoke

UNKNOWN = "00000000-0000-7000-8000-000000000000"


async def ask(client: Client, question: str = "Posso dividir as férias?") -> str:
    """Opens a conversation; its path."""
    answer = await client.post("/conversas", data={"question": question})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def answer_path(client: Client, conversation: str) -> str:
    page = (await client.get(conversation)).text
    found = re.findall(r'sse-connect="([^"]+)/eventos"', page)
    assert found, "no answer is under way"
    return str(found[-1])


async def answered(client: Client, scene: Scene, script: Script) -> tuple[str, str]:
    """A conversation whose answer is finished: its path and its page."""
    scene.app.answers.script = script
    conversation = await ask(client)
    await client.get(await answer_path(client, conversation) + "/eventos")
    return conversation, (await client.get(conversation)).text


async def test_the_first_page_offers_questions_and_a_place_to_write(signed_in: SignIn) -> None:
    page = (await (await signed_in("reader")).get("/")).text
    assert "O que você quer saber?" in page
    assert 'value="Em quantos períodos divido as férias?"' in page
    assert "<textarea" in page
    assert "Em quantos períodos" not in (await (await signed_in("stranger")).get("/")).text


async def test_a_question_works_without_javascript(signed_in: SignIn) -> None:
    reader = await signed_in("reader")
    conversation = await ask(reader, "Posso dividir\r\nas férias <b>?")
    page = (await reader.get(conversation)).text
    assert "Posso dividir<br>as férias &lt;b&gt;?" in page
    assert '<noscript><meta http-equiv="refresh"' in page
    assert "Procurando nos documentos…" in page


async def test_a_question_with_htmx_brings_the_conversation_and_the_list(
    signed_in: SignIn,
) -> None:
    reader = await signed_in("reader")
    answer = await reader.post("/conversas", data={"question": "Férias?"}, headers=HTMX)
    assert answer.status_code == 200
    assert answer.headers["hx-push-url"].startswith("/conversas/")
    assert "<html" not in answer.text
    assert 'sse-connect="' in answer.text
    assert 'id="conversations"' in answer.text
    assert 'hx-swap-oob="outerHTML"' in answer.text
    assert 'aria-current="page"' in answer.text


async def test_a_further_question_brings_its_turn_only(signed_in: SignIn) -> None:
    reader = await signed_in("reader")
    conversation = await ask(reader)
    data = {"question": "E o adicional?"}
    answer = await reader.post(f"{conversation}/perguntas", data=data, headers=HTMX)
    assert answer.text.count('class="turn"') == 1
    assert "E o adicional?" in answer.text
    plain = await reader.post(f"{conversation}/perguntas", data=data)
    assert plain.headers["location"].startswith(f"{conversation}#m-")


@pytest.mark.parametrize("question", ["", "   \n ", "a" * 4001])
async def test_an_empty_or_endless_question_is_refused(signed_in: SignIn, question: str) -> None:
    reader = await signed_in("reader")
    answer = await reader.post("/conversas", data={"question": question}, headers=HTMX)
    assert answer.status_code == 422
    assert "data-notice" in answer.text
    assert "Suas conversas aparecerão aqui." in (await reader.get("/")).text


async def test_the_stream_tells_status_text_and_end(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    scene.app.answers.script = Script(citations=[scene.citation()])
    path = await answer_path(reader, await ask(reader))
    stream = await reader.get(path + "/eventos")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.headers["cache-control"] == "no-store"
    kinds = re.findall(r"^event: (\w+)", stream.text, re.M)
    assert kinds == ["status", "text", "done"]
    assert "data: <p>As férias podem ser divididas em <strong>" in stream.text
    done = stream.text.partition("event: done")[2]
    assert f'href="/documentos/{scene.law}/pagina/1?m=' in done
    assert "Lei das férias" in done
    assert 'title="Art. 1º › § 1º"' in done
    assert "página 1 · § 1º" in done


async def test_the_text_comes_at_a_reading_pace_and_whole(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    words = [" ".join(["palavra"] * count) for count in range(1, 61)]
    scene.app.answers.script = Script(texts=words, pause=0.005)
    path = await answer_path(reader, await ask(reader))
    stream = (await reader.get(path + "/eventos")).text
    assert 2 <= stream.count("event: text") < 20
    last = stream.rpartition("event: text")[2].partition("event: done")[0]
    assert last.count("palavra") == 60


async def test_the_answer_cannot_bring_markup_links_or_images(
    signed_in: SignIn, scene: Scene
) -> None:
    reader = await signed_in("reader")
    text = (
        "<script>alert(1)</script> <img src=x onerror=alert(1)> [clique](http://mal.example) "
        '![x](http://mal.example/p.png) <http://mal.example> [7] <sup data-cite="1"></sup>\n\n'
        "[a]: http://mal.example"
    )
    _path, page = await answered(reader, scene, Script(texts=[text]))
    prose = page.partition("data-answer-text>")[2].partition('<div class="toolbar"')[0]
    assert "clique" in prose
    assert "[7]" in prose
    assert not re.search(r"<(script|img|a |sup)", prose)


async def test_marks_in_the_text_lead_to_the_source(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    _path, page = await answered(reader, scene, Script(citations=[scene.citation()]))
    mark = re.search(r'<a class="cite" href="([^"]+)"[^>]*aria-label="([^"]+)"[^>]*>1</a>', page)
    assert mark
    assert mark[2] == "Fonte 1: Lei das férias, página 1"
    target = mark[1].replace("&amp;", "&")
    assert "<mark" in (await reader.get(target)).text


async def test_excerpts_are_called_excerpts(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    _path, page = await answered(reader, scene, Script(excerpts=True))
    assert "Trechos dos documentos (sem modelo de linguagem)" in page
    _path, page = await answered(reader, scene, Script(excerpts=False))
    assert "Trechos dos documentos" not in page


async def test_an_answer_without_sources_warns_and_one_with_them_does_not(
    signed_in: SignIn, scene: Scene
) -> None:
    reader = await signed_in("reader")
    warning = "Esta resposta não cita nenhum documento"
    _path, page = await answered(reader, scene, Script(texts=["São trinta dias."], citations=[]))
    assert warning in page
    script = Script(texts=["São trinta dias. [1]"], citations=[scene.citation()])
    _path, page = await answered(reader, scene, script)
    assert warning not in page
    _path, page = await answered(reader, scene, Script(texts=["Não encontrei."], refused=True))
    assert warning not in page


async def test_a_refusal_names_the_nearest_documents(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    script = Script(texts=["Não encontrei."], refused=True, nearest=[scene.citation()])
    _path, page = await answered(reader, scene, script)
    assert "Estes documentos são os mais próximos da pergunta" in page
    link = re.search(r'href="(/documentos/[^"]+k=nearest)#passagem"', page)
    assert link
    assert (await reader.get(link[1].replace("&amp;", "&"))).status_code == 200


async def test_a_failed_answer_says_why(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    script = Script(texts=[""], state="failed", error_code="E-INTERRUPTED")
    _path, page = await answered(reader, scene, script)
    assert "interrompida porque o GovBot foi reiniciado" in page


async def test_an_answer_can_be_stopped(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    scene.app.answers.script = Script(hold=asyncio.Event())
    conversation = await ask(reader)
    path = await answer_path(reader, conversation)
    watching = asyncio.create_task(reader.get(path + "/eventos"))
    await scene.app.answers.script.watched.wait()
    assert (await reader.post(path + "/parar", headers=HTMX)).status_code == 204
    assert "Você interrompeu esta resposta." in (await watching).text
    assert (await reader.post(path + "/parar")).headers["location"] == conversation


async def test_another_answer_can_be_written(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    conversation, page = await answered(reader, scene, Script(texts=["Primeira."]))
    again = re.search(rf'action="({conversation}/respostas/[^"]+/refazer)"', page)
    assert again
    turn = await reader.post(again[1], headers=HTMX)
    assert "1 resposta anterior" in turn.text
    assert "Primeira." in turn.text
    assert "sse-connect" in turn.text


async def test_an_answer_is_hidden_when_its_documents_are_out_of_reach(
    signed_in: SignIn, scene: Scene
) -> None:
    reader = await signed_in("reader")
    script = Script(texts=["Segredo [1]."], citations=[scene.citation()], sources=[scene.law_key])
    conversation, page = await answered(reader, scene, script)
    assert "Segredo" in page
    await revoke(scene)
    page = (await reader.get(conversation)).text
    assert "Segredo" not in page
    assert "Lei das férias" not in page
    assert "documentos que você não pode mais ler" in page


async def test_an_answer_whose_documents_vanish_while_it_is_written_is_hidden(
    signed_in: SignIn, scene: Scene
) -> None:
    reader = await signed_in("reader")
    hold = asyncio.Event()
    scene.app.answers.script = Script(texts=["Oi."], hold=hold, sources=[scene.law_key])
    path = await answer_path(reader, await ask(reader))
    watching = asyncio.create_task(reader.get(path + "/eventos"))
    await scene.app.answers.script.watched.wait()
    await revoke(scene)
    hold.set()
    done = (await watching).text.partition("event: done")[2]
    assert "que você não pode mais ler" in done


INSIDE = (
    ("GET", ""),
    ("POST", "/perguntas"),
    ("GET", "/titulo"),
    ("POST", "/titulo"),
    ("GET", "/excluir"),
    ("POST", "/excluir"),
    ("GET", "/respostas/{answer}/eventos"),
    ("POST", "/respostas/{answer}/parar"),
    ("POST", "/respostas/{answer}/refazer"),
)


async def test_nobody_else_reaches_a_conversation(signed_in: SignIn, anyone: Client) -> None:
    reader = await signed_in("reader")
    conversation = await ask(reader)
    answer = (await answer_path(reader, conversation)).rpartition("/")[2]
    expected = {"admin": (404,), "curator": (404,), "stranger": (404,), "auditor": (403,)}
    for name, statuses in {**expected, "nobody": (303, 401)}.items():
        other = anyone if name == "nobody" else await signed_in(name)
        for method, tail in INSIDE:
            data = {"question": "x", "title": "x"} if method == "POST" else None
            path, nowhere = tail.format(answer=answer), tail.format(answer=UNKNOWN)
            found = await other.request(method, conversation + path, data=data)
            missing = await other.request(method, f"/conversas/{UNKNOWN}{nowhere}", data=data)
            assert found.status_code == missing.status_code, (name, method, tail)
            assert found.status_code in statuses, (name, method, tail)


async def test_conversations_stand_under_their_days(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    ages = {"Pergunta de hoje": 0, "Pergunta de ontem": 1, "Da semana": 4, "Antiga": 400}
    for title, days in ages.items():
        await add_conversation(scene, title, days)
    page = (await reader.get("/")).text
    nav = page.partition('id="conversations"')[2].partition("</nav>")[0]
    headings = re.findall(r"<h2>([^<]+)</h2>", nav)
    assert headings[:3] == ["Hoje", "Ontem", "Últimos 7 dias"]
    assert len(headings) == 4
    assert nav.index("Pergunta de ontem") > nav.index("<h2>Ontem</h2>")


async def test_titles_are_searched_without_accents(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    for title in ("Férias do servidor", "Licitação de obras"):
        await add_conversation(scene, title, 0)
    found = (await reader.get("/conversas?q=ferias", headers=HTMX)).text
    assert "Férias do servidor" in found
    assert "Licitação" not in found
    assert "<html" not in found
    page = (await reader.get("/conversas?q=xyz")).text
    assert "Nenhuma conversa encontrada." in page
    assert 'value="xyz"' in page


async def test_older_conversations_come_page_by_page(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    for number in range(45):
        await add_conversation(scene, f"Conversa número {number:02}", number)
    page = (await reader.get("/")).text
    more = re.search(r'hx-get="(/conversas\?[^"]*before=[^"]+)"', page)
    assert more
    rest = (await reader.get(more[1].replace("&amp;", "&"), headers=HTMX)).text
    titles = re.findall(r">(Conversa número \d\d)</a>", page + rest)
    assert len(titles) == len(set(titles)) == 45


async def test_a_conversation_is_renamed(signed_in: SignIn) -> None:
    reader = await signed_in("reader")
    conversation = await ask(reader)
    assert "<form" in (await reader.get(conversation + "/titulo", headers=HTMX)).text
    assert "<html" in (await reader.get(conversation + "/titulo")).text
    renamed = await reader.post(
        conversation + "/titulo", data={"title": "Minhas <férias>"}, headers=HTMX
    )
    assert "Minhas &lt;férias&gt;" in renamed.text
    assert "Minhas &lt;férias&gt;" in (await reader.get("/")).text


async def test_a_conversation_is_deleted_after_a_question(signed_in: SignIn) -> None:
    reader = await signed_in("reader")
    conversation = await ask(reader)
    question = await reader.get(conversation + "/excluir", headers=HTMX)
    assert "Excluir esta conversa?" in question.text
    assert (await reader.get(conversation)).status_code == 200
    gone = await reader.post(conversation + "/excluir", headers=HTMX)
    assert gone.headers["hx-redirect"] == "/"
    assert (await reader.get(conversation)).status_code == 404


async def test_the_way_back_through_the_history_gets_a_whole_page(signed_in: SignIn) -> None:
    reader = await signed_in("reader")
    headers = HTMX | {"hx-history-restore-request": "true"}
    assert "<html" in (await reader.get("/", headers=headers)).text


async def add_conversation(scene: Scene, title: str, days: int) -> None:
    actor = scene.actors["reader"]
    async with as_actor(scene.app.pool, actor, write=True) as conn:
        conversation = await store.create_conversation(conn, actor)
        await conn.execute(
            "UPDATE conversations SET title = %(title)s, updated_at = now() - %(age)s"
            " WHERE id = %(id)s",
            {"title": title, "age": timedelta(days=days), "id": conversation},
        )


async def test_a_question_may_be_about_another_day(scene: Scene, signed_in: SignIn) -> None:
    client = await signed_in("reader")
    form = (await client.get("/")).text
    assert 'name="as_of" type="date" form="composer"' in form
    question = {"question": "Quantos dias de férias?", "as_of": "2020-01-31"}
    started = await client.post("/conversas", data=question)
    page = (await client.get(started.headers["location"])).text
    assert "Sobre o que valia em 31/01/2020" in page
    further = {"question": "E em dinheiro?", "as_of": "2019-12-31"}
    answer = await client.post(
        f"{started.headers['location']}/perguntas", data=further, headers=HTMX
    )
    assert "Sobre o que valia em 31/12/2019" in answer.text
    without = {"question": "E hoje?", "as_of": ""}
    answer = await client.post(
        f"{started.headers['location']}/perguntas", data=without, headers=HTMX
    )
    assert "Sobre o que valia" not in answer.text


async def test_a_day_that_is_none_is_refused(scene: Scene, signed_in: SignIn) -> None:
    client = await signed_in("reader")
    answer = await client.post("/conversas", data={"question": "Férias?", "as_of": "ontem"})
    assert answer.status_code == 422
    assert "Isto não é uma data." in answer.text
    assert "Férias?" not in (await client.get("/")).text


async def test_a_source_says_when_it_no_longer_counts(scene: Scene, signed_in: SignIn) -> None:
    scene.app.answers.script = Script(citations=[scene.citation()], sources=[scene.law_key])
    client = await signed_in("reader")
    started = await client.post("/conversas", data={"question": "Férias?"})
    page = (await client.get(started.headers["location"])).text
    found = re.search(r'id="a-([0-9a-f-]{36})"', page)
    assert found
    await scene.app.answers.finish(scene.actors["reader"], MessageId(UUID(found[1])))
    assert "source-ended" not in (await client.get(started.headers["location"])).text
    for column, words in (("valid_to", "em vigor até"), ("revoked_on", "revogado desde")):
        async with as_system(scene.app.pool) as conn:
            await conn.execute(
                f"UPDATE documents SET {column} = '2024-03-01' WHERE key = %(key)s".encode(),
                {"key": scene.law_key},
            )
        page = (await client.get(started.headers["location"])).text
        assert f"{words} 01/03/2024" in page
