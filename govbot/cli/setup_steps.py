"""The steps of `govbot setup`, once the answers are there: check everything, then do it.

What touches data is done by the ordinary commands in child processes, as the account that runs the
service: nothing that root makes lies about in the data folder.
"""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import subprocess
import sys
import threading
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from govbot.errors import Conflict, GovBotError, Unavailable

if TYPE_CHECKING:
    from govbot.config import Settings
    from govbot.installation.plan import Account, Plan

T = TypeVar("T")

SYSTEMD: Final = Path("/run/systemd/system")
SERVICE_FILE: Final = Path("/etc/govbot/govbot.toml")
TRY_S: Final = 60.0
COMMAND_S: Final = 3600  # a large model takes its time to copy
UNIT_S: Final = 300


def require_sound(plan: Plan) -> None:
    """Prints all that is wrong with the answers and raises Conflict; changes nothing."""
    from govbot.installation import surroundings
    from govbot.installation.plan import problems

    settings = plan.settings()
    found = [f"{error} [{error.error_code}]" for error in problems(plan, _account(settings))]
    try:
        _say("database", tried(surroundings.database(settings)))
    except GovBotError as error:
        found.append(f"{error} [{error.error_code}]")
    for step in tried(surroundings.directory(settings)):
        if step.problem:
            found.append(f"Directory, {step.what}: {step.problem}")
    for path in plan.models:
        step = surroundings.model(path)
        if step.problem:
            found.append(step.problem)
        else:
            _say("model", step.seen)
    for sentence in found:
        print(f"govbot: {sentence}", file=sys.stderr)
    if found:
        raise Conflict(
            "%(count)s of the answers cannot be right; nothing was changed.", count=len(found)
        )


def tried(looking: Coroutine[Any, Any, T]) -> T:
    """The result of a look at something outside; raises Unavailable when it takes too long.

    In a thread that dies with the process: a server that neither answers nor refuses must not keep
    a question on the screen.
    """
    results: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(asyncio.run(looking))
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(TRY_S)
    if errors:
        raise errors[0]
    if not results:
        raise Unavailable("It does not answer within %(seconds)s s.", seconds=int(TRY_S))
    return results[0]


def do(plan: Plan) -> int:
    """Does what the plan says; the exit code of the doctor at its end."""
    settings = plan.settings()
    account = _account(settings)
    _folder(settings.data_dir, account)
    _write(plan, account)
    govbot = Commands(plan.file, account)
    govbot.call("migrate")
    _say("schema", "up to date")
    _add_admin(plan, govbot)
    _add_models(plan, settings, govbot)
    _units(plan)
    print()
    code = govbot.call("doctor", may_fail=True)
    print()
    if code:
        print("Something is left to do: see above, then run `govbot setup` or `govbot doctor`.")
    else:
        print(f"GovBot is set up. {_next(plan, settings)}")
    return code


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs the ordinary commands on the configuration file, as the service's account."""

    file: Path
    account: Account | None

    def call(self, *words: str, stdin: str = "", may_fail: bool = False) -> int:
        """Its output is shown. Raises Unavailable when it fails and may not."""
        done = self._run(words, stdin, capture=False)
        if done.returncode and not may_fail:
            raise self._failed(words)
        return done.returncode

    def ask(self, *words: str, stdin: str = "") -> Any:
        """What it prints as JSON; its errors are shown. Raises Unavailable when it fails."""
        done = self._run((*words, "--json"), stdin, capture=True)
        if done.returncode:
            raise self._failed(words)
        return json.loads(done.stdout)

    def _run(
        self, words: tuple[str, ...], stdin: str, *, capture: bool
    ) -> subprocess.CompletedProcess[str]:
        root = str(Path(__file__).resolve().parents[2])
        start = "import sys; sys.path.insert(0, sys.argv.pop(1)); from govbot.cli.main import main"
        program = [sys.executable, "-c", f"{start}; sys.exit(main())", root]
        sys.stdout.flush()
        as_account: dict[str, Any] = {}
        environ = _environ()
        if self.account is not None:
            as_account = {
                "user": self.account.uid,
                "group": self.account.gid,
                "extra_groups": list(self.account.groups),
            }
            environ["HOME"] = pwd.getpwuid(self.account.uid).pw_dir
        return subprocess.run(
            [*program, *words, "--config", str(self.file)],
            cwd="/",
            env=environ,
            input=stdin,
            stdout=subprocess.PIPE if capture else None,
            text=True,
            timeout=COMMAND_S,
            check=False,
            **as_account,
        )

    def _failed(self, words: tuple[str, ...]) -> Unavailable:
        return Unavailable(
            "Setting up stopped at `govbot %(command)s`: correct that and run it again. What is "
            "done stays.",
            command=" ".join(words[:2]),
        )


def why_no_units(file: Path) -> str:
    """Why the units of systemd are none of our business; else empty."""
    if not SYSTEMD.is_dir():
        return "no systemd here"
    if file != SERVICE_FILE:
        return f"the units read {SERVICE_FILE}"
    if os.geteuid() != 0:
        return "not root"
    return ""


def _environ() -> dict[str, str]:
    """For the children: the credentials of systemd, which only root may read, as variables."""
    environ = dict(os.environ)
    folder = environ.pop("CREDENTIALS_DIRECTORY", "")
    if folder and os.geteuid() == 0 and Path(folder).is_dir():
        for file in Path(folder).iterdir():
            name = "GOVBOT_" + file.name.upper().replace(".", "__")
            if "." in file.name and file.is_file():
                environ.setdefault(name, file.read_text(encoding="utf-8").strip())
    return environ


def _account(settings: Settings) -> Account | None:
    from govbot.installation.plan import account_for

    return account_for(settings.data_dir)


def _folder(folder: Path, account: Account | None) -> None:
    from govbot.errors import Invalid

    if folder.is_dir():
        return
    try:
        folder.mkdir(parents=True, mode=0o750)
        if account is not None:
            os.chown(folder, account.uid, account.gid)
    except OSError as error:
        raise Invalid(
            "The folder %(path)s cannot be made (%(reason)s).",
            path=folder,
            reason=error.strerror or str(error),
        ) from error
    _say("data folder", f"made {folder}")


def _write(plan: Plan, account: Account | None) -> None:
    """The secrets, then the file that names them."""
    from govbot.installation.settings_file import replace

    _folder(plan.file.parent, None)
    for secret in plan.secrets:
        place = secret.file(plan.file.parent)
        _write_secret(place, secret.value.get_secret_value(), account)
        _say("secret", f"wrote {place}")
    text = plan.rewritten()
    fresh = not plan.file.exists()
    saved = replace(plan.file, text)
    if fresh and account is not None:
        os.chown(plan.file, 0, account.gid)
    if fresh:
        _say("configuration", f"wrote {plan.file}")
    elif saved is not None:
        _say("configuration", f"wrote {plan.file}; what was there is in {saved.name}")
    else:
        _say("configuration", f"{plan.file} stays as it is")


def _write_secret(place: Path, value: str, account: Account | None) -> None:
    """Readable by the service's account alone; never for a moment by anyone else."""
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(value + "\n")
        if account is not None:
            os.fchown(stream.fileno(), 0, account.gid)
            os.fchmod(stream.fileno(), 0o640)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(place)


def _add_admin(plan: Plan, govbot: Commands) -> None:
    if not plan.admin:
        return
    admin = plan.admin.strip().casefold()
    known = {user["username"]: user for user in govbot.ask("user", "list")}
    if admin in known:
        _say("administrator", f"{admin} is there already ({known[admin]['role']}): not changed")
        return
    words = ["user", "add", admin, "--role", "admin"]
    words += ["--name", plan.admin_name] if plan.admin_name else []
    if plan.password is not None:
        govbot.ask(*words, "--password-stdin", stdin=plan.password.get_secret_value() + "\n")
        _say("administrator", f"{admin}, with the password that was given")
    else:
        made = govbot.ask(*words)
        _say("administrator", f"{admin}, first password: {made['password']} (shown only now)")


def _add_models(plan: Plan, settings: Settings, govbot: Commands) -> None:
    """Takes the models in and names them in the settings."""
    from govbot.installation.settings_file import replace, rewritten
    from govbot.models import delivery

    if not plan.models:
        return
    there = {model["name"] for model in govbot.ask("models", "list")}
    names = [delivery.plan_add(path).name for path in plan.models]
    for path, name in zip(plan.models, names, strict=True):
        if name in there:
            _say("model", f"{name} is there already")
        else:
            govbot.call("models", "add", str(path), "--yes")
    changes: dict[str, object] = {}
    for model in govbot.ask("models", "list"):
        if model["name"] in names:
            changes |= _setting_of(model, settings)
    if changes:
        replace(plan.file, rewritten(plan.file.read_text(encoding="utf-8"), changes))
        _say("model", "; ".join(f"{key} = {value}" for key, value in changes.items()))


def _setting_of(model: Mapping[str, Any], settings: Settings) -> dict[str, object]:
    """The setting that puts a model into use."""
    place = str(model["file"] or model["name"])
    own = settings.generation
    if model["kind"] == "generator" and own.models:
        _say("model", f"{model['name']}: write it into [[generation.models]] (docs/models.md)")
        return {}
    found: dict[str, dict[str, object]] = {
        "generator": {"generation.model_path": place},
        "embedder": {"embedder.model": place},
        "reranker": {"reranker.model": place},
        "adapter": {"generation.lora": [*own.lora, place]},
    }
    return found.get(str(model["kind"]), {})


def _units(plan: Plan) -> None:
    """Drop-ins for what the settings reach, the timer, the service."""
    from govbot.config import load_settings
    from govbot.installation import units

    if reason := why_no_units(plan.file):
        if plan.start or plan.backup_timer:
            _say("service", f"not touched ({reason}): docs/install.md tells how to start it")
        return
    changed = units.install(load_settings(plan.file), gpu=plan.gpu)
    for words in changed:
        _say("service", words)
    _systemctl("daemon-reload")
    if plan.backup_timer:
        _systemctl("enable", "--now", "govbot-backup.timer")
        _say("backup", "every night (govbot-backup.timer)")
    if any("listen.conf" in words for words in changed):
        # A socket takes another address only while its service does not run.
        runs = _systemctl("is-active", "govbot.socket", may_fail=True)
        _systemctl("stop", "govbot.service", "govbot.socket")
        if runs:
            _systemctl("start", "govbot.socket")
    if plan.start:
        _systemctl("enable", "govbot.socket", "govbot.service")
        _systemctl("start", "govbot.socket")
        _systemctl("restart", "govbot.service")
        _say("service", "runs, now and after every boot")
    else:
        _systemctl("try-restart", "govbot.service")  # so that the settings are in force


def _systemctl(*words: str, may_fail: bool = False) -> bool:
    """Whether it went well. Raises Unavailable when it must."""
    done = subprocess.run(
        ["systemctl", *words], capture_output=True, text=True, timeout=UNIT_S, check=False
    )
    if done.returncode and not may_fail:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise Unavailable(
            "systemctl %(words)s: %(reason)s", words=" ".join(words), reason=last[:300]
        )
    return done.returncode == 0


def _next(plan: Plan, settings: Settings) -> str:
    from govbot.installation.plan import answers

    web = settings.web
    scheme = "https" if web.tls_certificate else "http"
    host = "127.0.0.1" if web.host in ("0.0.0.0", "::") else web.host  # noqa: S104 - compared
    address = web.base_url or f"{scheme}://{host}:{web.port}"
    if why_no_units(plan.file) and answers(web.host, web.port):
        return f"Restart it, so that all settings count: {address}"
    if why_no_units(plan.file) or not plan.start:
        return f"Start it (`govbot serve`), then open {address}"
    return f"Open {address}"


def _say(what: str, words: str) -> None:
    print(f"{what}: {words}", flush=True)
