"""Settings of the models' files: where they may come from."""

from __future__ import annotations

from pydantic import Field, SecretStr

from govbot.config.section import ADDRESS, PATH, SECRET, Section


class Models(Section):
    """Where models come from. Nothing is fetched unless somebody asks for a model."""

    hub: str = Field(
        "https://huggingface.co",
        pattern=r"^(https?://\S+)?$",
        json_schema_extra=ADDRESS,
        description="Hub that `govbot models pull` and the page of the models fetch from; the "
        "variable HF_ENDPOINT names a mirror instead. Empty: nothing can be fetched, models come "
        "from files alone.",
    )
    token: SecretStr = Field(
        SecretStr(""),
        json_schema_extra=SECRET,
        description="Token for that hub, for models whose licence has to be accepted there.",
    )
    token_file: str = Field("", json_schema_extra=PATH, description="File to read token from.")
    import_folder: str = Field(
        "",
        json_schema_extra=PATH,
        description="Folder of this server, such as a stick's, whose models the page offers to "
        "take in. Empty: models-import in data_dir.",
    )
