"""The whole day of an employee, a curator, an approver, an administrator and an auditor at a
service that really runs: 360, 768 and 1440 pixels wide, light and dark, in Portuguese and English.

No step may log an error, break the policy of the page or scroll sideways.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from govbot.db.dsns import Dsns
from tests.browser import day as days
from tests.browser.day import EVEN, HOLIDAYS, LAWS, ODD, ORDINANCES, TRAVEL, Day, Look


@pytest.fixture(scope="module")
def service(module_dsns: Dsns, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the service that all days share."""
    with days.service(module_dsns, tmp_path_factory.mktemp("dias")) as address:
        yield address


@pytest_asyncio.fixture(loop_scope="session")
async def day(chromium: Browser, service: str, look: Look) -> AsyncIterator[Day]:
    complaints: list[str] = []
    day = Day(chromium, service, look, complaints)
    expect.set_options(timeout=15_000)  # a whole service beside the other tests
    yield day
    expect.set_options(timeout=5_000)
    await day.end()
    assert complaints == []


async def ask(day: Day, question: str) -> None:
    """A question, and its whole answer."""
    await day.field("Your question").fill(question)
    await day.page.keyboard.press("Enter")
    await expect(day.page.locator(".question").last).to_contain_text(question)
    await expect(day.page.locator("[data-running]")).to_have_count(0)
    await expect(day.heading("Sources").last).to_be_visible()


@pytest.mark.parametrize("look", ODD, ids=str)
async def test_the_day_of_an_employee(day: Day) -> None:
    await day.sign_in(f"servidora{day.look.width}")
    page = day.page
    await day.fits("the first page")
    await ask(day, HOLIDAYS)
    await expect(page.locator(".answer .prose").last).to_contain_text("três períodos")
    await day.fits("the answer")
    await source(day, page.locator("a.cite").first)
    await edited(day)
    await ask(day, TRAVEL)
    await expect(page.locator(".answer .prose").last).to_contain_text("duzentos e dez reais")
    await rated(day)
    await kept(day)
    await exported(day)
    await shared(day)
    await temporary(day)
    await signed_out(day)


async def source(day: Day, mark: Locator) -> None:
    """The page behind a citation, beside the answer, and back."""
    await mark.click()
    panel = day.page.locator("#panel")
    await expect(panel.locator("rect").first).to_be_visible()
    await expect(panel.get_by_role("img").first).to_be_visible()
    await day.axe("a source beside the answer")
    await day.page.keyboard.press("Escape")
    await expect(panel).to_be_hidden()
    await expect(mark).to_be_focused()


async def edited(day: Day) -> None:
    await day.link("Edit the question").last.click()
    field = day.field("Change the question")
    await expect(field).to_be_focused()
    await day.axe("a question being edited")
    await field.fill("As férias podem ser divididas em períodos?")
    await day.press("Ask again")
    place = day.page.locator(".branch-place")
    await expect(place).to_have_text(day.t("%(number)s of %(count)s", number=2, count=2))
    await expect(day.page.locator("[data-running]")).to_have_count(0)
    await expect(day.heading("Sources").last).to_be_visible()
    await day.fits("the answer to the new question")


async def rated(day: Day) -> None:
    rating = day.page.locator(".rating").last
    await rating.locator("summary").click()
    await rating.get_by_role("radio").first.check()
    comment = f"Falta o valor de fora do Estado ({day.look})."
    await rating.get_by_role("textbox").fill(comment)
    await day.axe("an answer being rated")
    await day.press("Send the rating")
    await day.said("Thank you. Curators will look at this answer.")


async def kept(day: Day) -> None:
    """Renamed, put on top, found by the keyboard."""
    page, title = day.page, f"Diárias {day.look}"
    await day.follow("Options of this conversation")
    await day.axe("options of a conversation")
    await day.dialog.get_by_role("link", name=day.t("Rename")).click()
    await expect(day.field("Title")).to_be_focused()
    await page.keyboard.type(title)
    await day.fits("a title being changed")
    await page.keyboard.press("Enter")
    await expect(page.locator(".conversation-link").first).to_have_text(title)
    await day.link("Options of “%(title)s”", title=title).click()
    await day.dialog.get_by_role("button", name=day.t("Pin to the top")).click()
    await expect(day.heading("Pinned")).to_be_visible()
    await day.fits("a pinned conversation")
    await page.keyboard.press("Control+k")
    await expect(day.field("Search conversations")).to_be_focused()
    await page.keyboard.type("prestação de contas xyz")
    await day.sees("No conversation found.")
    await page.keyboard.press("Control+a")
    await page.keyboard.type("diárias")
    await expect(page.locator(".conversation-link")).to_have_count(1)
    await day.fits("a conversation found")
    await page.locator(".conversation-link").click()
    await expect(page.locator(".question").last).to_contain_text(TRAVEL)


async def exported(day: Day) -> None:
    await day.follow("Export this conversation")
    async with day.page.expect_download() as download:
        await day.dialog.get_by_role("link", name="PDF").click()
    assert (await download.value).suggested_filename.endswith(".pdf")
    await day.dialog.get_by_role("link", name=day.t("Close")).click()
    await expect(day.dialog).to_be_hidden()


async def shared(day: Day) -> None:
    """A colleague reads what the link opens; who may not read the law sees nothing of it."""
    await day.follow("Share this conversation")
    await day.field("Title shown to readers").fill("Perguntas da semana")
    await day.field("Everybody who signs in here and has the link").check()
    await day.fits("a conversation about to be shared")
    await day.press("Make a link")
    await expect(day.heading("The link is ready")).to_be_visible()
    await day.fits("the link")
    link = await day.page.locator(".new-link input").input_value()
    theirs = await day.window("colega")
    await theirs.goto(link)
    await expect(theirs.locator(".answer").last).to_contain_text("duzentos e dez reais")
    await day.fits("what a colleague reads", theirs)
    theirs = await day.window("estranho")
    await theirs.goto(link)
    nothing = "Nothing of this conversation was made from documents that you may read."
    await expect(theirs.get_by_text(day.t(nothing))).to_be_visible()
    whole = await theirs.content()
    assert not [word for word in ("diária", "férias", "lei 40", "lei 12") if word in whole]
    await day.fits("what a stranger reads", theirs)


async def temporary(day: Day) -> None:
    await day.page.goto("/")
    await day.follow("Temporary conversation")
    await expect(day.page.locator(".temporary-sign")).to_be_visible()
    await ask(day, TRAVEL)
    await day.fits("a temporary conversation")
    await day.press("Delete now")
    await expect(day.page.locator(".turn")).to_have_count(0)


async def signed_out(day: Day) -> None:
    await day.menu()
    await day.page.locator(".user-menu > summary").click()
    await day.fits("the menu of the account")
    await day.press("Sign out")
    await expect(day.field("User name")).to_be_visible()


@pytest.mark.parametrize("look", EVEN, ids=str)
async def test_the_day_of_a_curator(day: Day, tmp_path: Path) -> None:
    name = f"lei do uniforme {day.look.width}.txt"
    text = f"Art. 1º O uniforme {day.look.width} da guarda é trocado a cada dezoito meses.\n"
    other = await day.beside("colega")
    await ask(other, TRAVEL)
    await rated(other)
    await day.sign_in("curadora")
    await day.go("Documents")
    await day.fits("the documents")
    await send(day, tmp_path, name, text, LAWS)
    title = await described(day, name)
    await changed_together(day, title)
    await restored(day, title)
    await suggested(day)
    await day.go("Curation", "Quality")
    comment = day.page.locator(".case-comment").filter(has_text=str(day.look)).first
    await expect(comment).to_be_visible()
    await day.fits("complaints")
    case = day.page.locator(".case").filter(has_text=str(day.look)).first
    await case.get_by_role("link").click()
    await expect(day.heading("What is done about it")).to_be_visible()
    await day.fits("a complaint")


async def send(day: Day, folder: Path, name: str, text: str, shelf: str) -> None:
    """A file, followed until it is ready; the page is never loaded again."""
    (folder / name).write_text(text)
    await day.page.locator("summary", has_text=day.t("Send documents")).click()
    into = day.page.locator("#into")
    if await into.count():
        options = await into.get_by_role("option").all_text_contents()
        await into.select_option(next(each for each in options if each.startswith(shelf)))
    await day.axe("files about to be sent")
    await day.page.locator("#files").set_input_files(folder / name)
    await day.sees("Received. It is being read.")
    state = day.row(name).get_by_text(day.t("Ready"))
    await expect(state).to_be_visible(timeout=30_000)
    await day.fits("a file that is ready")


async def described(day: Day, name: str) -> str:
    title = f"Lei do uniforme {day.look}"
    await day.row(name).get_by_role("rowheader").get_by_role("link").click()
    await day.fits("a document")
    await day.follow("Edit the facts")
    await day.field("Title").fill(title)
    await day.field("Year").fill("2022")
    await day.fits("facts being edited")
    await day.press("Save")
    await expect(day.page.locator("#document-name")).to_have_text(title)
    await day.fits("facts as they are now")
    return title


async def found(day: Day, title: str, *, trash: bool = False) -> None:
    await day.go("Documents")
    if trash:
        await day.state("Trash").click()
        await day.page.wait_for_url("**estado=lixeira**")
    await day.page.get_by_role("searchbox", name=day.t("Name")).fill(title)
    await expect(day.page.locator("#documents tbody tr")).to_have_count(1)
    await expect(day.row(title)).to_be_visible()


async def changed_together(day: Day, title: str) -> None:
    """Ticked, marked with a tag, and put into the trash."""
    await found(day, title)
    await day.row(title).get_by_role("checkbox").check()
    await day.axe("documents ticked")
    await day.field("What to do with them").select_option(label=day.t("Add a tag…"))
    await day.press("Continue")
    await day.dialog.get_by_label(day.t("Tag")).fill("guarda")
    await day.axe("a tag about to be added")
    await day.dialog.get_by_role("button", name=day.t("Add a tag…").rstrip("…")).click()
    await day.sees("%(num)s document changed.", num=1)
    await found(day, title)
    await day.row(title).get_by_role("checkbox").check()
    await day.field("What to do with them").select_option(label=day.t("Move to the trash…"))
    await day.press("Continue")
    await day.dialog.locator("button[type=submit]").click()
    await day.sees("%(num)s document changed.", num=1)


async def restored(day: Day, title: str) -> None:
    await found(day, title, trash=True)
    await day.fits("the trash")
    await day.press("Restore “%(name)s”", name=title)
    await expect(day.row(title)).to_have_count(0)
    await found(day, title)
    ready = day.row(title).get_by_text(day.t("Ready"))
    await expect(ready).to_be_visible(timeout=30_000)


async def suggested(day: Day) -> None:
    await day.go("Collections")
    await day.fits("collections")
    await day.page.locator("#main").get_by_role("link", name=LAWS, exact=True).click()
    await day.fits("a collection")
    await day.field("One question on each line").fill(HOLIDAYS)
    await day.page.locator("#perguntas").get_by_role("button", name=day.t("Save")).click()
    await day.said("Saved.")
    await day.go("Ask")
    await expect(day.page.get_by_role("button", name=HOLIDAYS)).to_be_visible()
    await day.fits("suggested questions")


@pytest.mark.parametrize("look", ODD, ids=str)
async def test_the_day_of_an_approver(day: Day, tmp_path: Path) -> None:
    number = 100 + day.look.width
    name, title = f"portaria {number}.txt", f"portaria {number}"
    text = f"Art. 1º O elevador número {number} do anexo é reservado a quem leva processos.\n"
    curator = await day.beside("curadora")
    await curator.page.goto("/documentos")
    await send(curator, tmp_path, name, text, ORDINANCES)
    await curator.row(name).get_by_role("rowheader").get_by_role("link").click()
    await curator.axe("a draft")
    await curator.press("Send to review")
    await curator.sees(
        "Version %(number)s waits for approval by somebody else who manages the collection.",
        number=1,
    )
    await day.sign_in("aprovador")
    await day.go("Reviews")
    await day.fits("what waits for approval")
    await day.follow("Read the text of “%(name)s”", name=title)
    await expect(day.page.get_by_text(f"elevador número {number}").first).to_be_visible()
    await day.fits("a draft to read")
    await day.page.evaluate("history.back()")
    await day.press("Approve “%(name)s”", name=title)
    await day.said("Approved. It is being indexed and answers questions in a moment.")
    await day.fits("approved")
    await day.go("Documents")
    await day.row(name).get_by_role("rowheader").get_by_role("link").click()
    await day.sees("in use")
    await day.go("Ask")
    await ask(day, f"A quem é reservado o elevador número {number} do anexo?")
    await expect(day.page.locator(".answer .prose").last).to_contain_text("leva processos")
    await day.fits("an answer from what was approved")


@pytest.mark.parametrize("look", EVEN, ids=str)
async def test_the_day_of_an_administrator(day: Day) -> None:
    await day.sign_in("administradora")
    person = await added(day)
    await granted(day, person)
    await setting(day)
    await announced(day)
    await day.go("System", "Administration")
    await expect(day.heading("System")).to_be_visible()
    await day.fits("the system")
    await imported(day)
    await key_revoked(day)
    await turned_off(day, person)


async def added(day: Day) -> str:
    username = f"nova{day.look.width}"
    await day.go("People", "Administration")
    await day.fits("people")
    await day.follow("New account")
    await day.field("Full name").fill(f"Nova Pessoa {day.look.width}")
    await day.field("User name").fill(username)
    await day.fits("a new account")
    await day.press("Create")
    await expect(day.page.get_by_text(username).first).to_be_visible()
    await day.fits("the first password")
    return username


async def granted(day: Day, username: str) -> None:
    """Access to a collection, and why the person may read a document of it."""
    await day.go("Collections")
    await day.page.locator("#main").get_by_role("link", name=LAWS, exact=True).click()
    await day.field("Person or group").fill(username)
    await day.press("Add")
    await day.said("Saved. It counts from now on, in old conversations too.")
    await day.fits("access given")
    await day.go("Documents")
    await day.row("lei 12.pdf").get_by_role("rowheader").get_by_role("link").click()
    await day.follow("Access…")
    await day.fits("access to a document")
    await day.field("Person").fill(username)
    await day.press("Explain")
    await expect(day.page.locator(".verdict.yes")).to_be_visible()
    await day.fits("why somebody reads it")


async def setting(day: Day) -> None:
    """One setting, its history, and back."""
    await day.go("Settings", "Administration")
    await day.fits("settings")
    field = day.page.locator('[name="limits.uploads_per_hour"]')
    await field.fill(str(700 + day.look.width))
    await field.press("Enter")
    await day.said("Saved. It counts already.")
    await day.link("History").first.click()
    await expect(day.row(day.language.number(700 + day.look.width)).first).to_be_visible()
    await day.fits("the history of settings")
    await day.page.get_by_text(day.t("Undo"), exact=True).first.click()
    await day.said("Undone. The earlier value counts again.")


async def announced(day: Day) -> None:
    """Everybody reads it; each person puts it away."""
    text = f"Manutenção às 18 h ({day.look})."
    await day.go("Announcements", "Administration")
    await day.field("Text in Portuguese").fill(text)
    await day.press("Publish")
    await day.said("Published.")
    await day.fits("an announcement")
    other = await day.beside("colega")
    banner = other.page.locator(".announcement").filter(has_text=text)
    await expect(banner).to_be_visible()
    await other.axe("an announcement above the page")
    await banner.get_by_role("button").click()
    await expect(banner).to_have_count(0)
    await other.page.reload()
    await expect(banner).to_have_count(0)
    await day.button("Take away: %(text)s", text=text).click()
    await day.said("Taken away.")


async def imported(day: Day) -> None:
    await day.go("People", "Administration")
    await day.follow("From a table (CSV)")
    await day.fits("people from a table")
    width = day.look.width
    table = f"usuario;nome;perfil;grupos\nbia{width};Bia Lima;usuário;Compras\nrui{width};Rui;;\n"
    file = {"name": "pessoas.csv", "mimeType": "text/csv", "buffer": table.encode()}
    await day.field("CSV file").set_input_files(file)  # type: ignore[arg-type]
    await day.press("Look at it")
    await day.fits("what would be created")
    await day.page.get_by_role(
        "button", name=day.n("Create %(num)s account", "Create %(num)s accounts", 2)
    ).click()
    await expect(day.row(f"bia{width}").get_by_role("code")).to_be_visible()
    await day.fits("accounts created")


async def key_revoked(day: Day) -> None:
    name = f"Portal {day.look}"
    other = await day.beside("colega")
    await other.page.goto("/conta/chaves")
    await other.field("What it is for").fill(name)
    await other.page.get_by_role("checkbox").first.check()
    await other.press("Make the key")
    await other.said("The key was made.")
    await other.fits("a key that was made")
    await day.page.goto("/admin/chaves")
    await day.fits("keys")
    await day.press("Revoke the key %(name)s", name=name)
    await day.said("Revoked. It opens nothing any more.")


async def turned_off(day: Day, username: str) -> None:
    await day.go("People", "Administration")
    await day.field("Name or user name").fill(username)
    await expect(day.page.locator("#people tbody tr")).to_have_count(1)
    await day.page.locator("#people").get_by_role("link").first.click()
    await day.fits("a person")
    await day.press("Disable")
    await day.said("Saved. It counts from the next click of this person on.")
    await expect(day.button("Enable")).to_be_visible()


@pytest.mark.parametrize("look", ODD, ids=str)
async def test_the_day_of_an_auditor(day: Day) -> None:
    other = await day.beside("colega")
    await ask(other, TRAVEL)
    await day.sign_in("auditor")
    page = day.page
    await expect(day.heading("Audit log")).to_be_visible()
    await day.fits("the audit log")
    await day.press("Verify the chain")
    await expect(page.locator("#report .good")).to_be_visible()
    await day.axe("the chain verified")
    await day.field("User name").fill("colega")
    await day.press("Search")
    await page.wait_for_url("**quem=colega**")
    rows = page.locator("#entries tbody tr")
    await expect(rows.filter(has_text="colega").first).to_be_visible()
    await expect(rows.filter(has_not_text="colega")).to_have_count(0)
    await day.fits("entries of one person")
    told = await page.content()
    for kind in ("CSV", "JSON"):
        async with page.expect_download() as download:
            await day.follow(f"Download {kind}")
        told += Path(await (await download.value).path()).read_text(encoding="utf-8")
    await rows.first.get_by_role("link").first.click()
    await expect(day.heading("Seal")).to_be_visible()
    await day.fits("an entry")
    told += await page.content()
    assert "colega" in told
    assert not [word for word in ("diária", "retorno", "lei 40") if word in told]
    await page.goto("/documentos")
    await day.fits("what is not for auditors")
    assert "lei" not in await page.locator("#main").inner_text()
    await signed_out(day)
