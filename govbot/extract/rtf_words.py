"""Control words of RTF that matter for its text (specification 1.9.1)."""

from __future__ import annotations

# What a control word or symbol stands for.
CHARACTERS = {
    "tab": " ", "line": "\n", "emdash": "—", "endash": "–", "emspace": " ", "enspace": " ",
    "qmspace": " ", "bullet": "•", "lquote": "‘", "rquote": "’", "ldblquote": "“",
    "rdblquote": "”", "~": " ", "-": "", "_": "-", "{": "{", "}": "}", "\\": "\\", "column": "\n",
}  # fmt: skip

# Code pages of \fcharset.
CODE_PAGES = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 134: "cp936", 136: "cp950",
    161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257",
    204: "cp1251", 222: "cp874", 238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip

# Destinations marked as ignorable with \* whose text is seen nevertheless.
SHOWN_STARRED = {"shpinst", "shptxt", "moMath", "moMathPara", "mr"}

# Destinations without text for readers. Text boxes come twice, the second time (shprslt) for old
# programs; embedded objects have their picture in `result`.
SILENT = frozenset({
    "annotation", "atnauthor", "atndate", "atnid", "atnicn", "atnparent", "atnref", "atntime",
    "background", "bkmkend", "bkmkstart", "blipuid", "buptim", "category", "colorschememapping",
    "colortbl", "comment", "company", "creatim", "datafield", "datastore", "doccomm", "docvar",
    "factoidname", "ffdeftext", "ffentrymcr", "ffexitmcr", "ffformat", "ffhelptext", "ffl",
    "ffname", "ffstattext", "filetbl", "fldinst", "fldtype", "fontemb", "fontfile", "formfield",
    "ftncn", "ftnsep", "ftnsepc", "aftncn", "aftnsep", "aftnsepc", "generator", "gridtbl",
    "hlinkbase", "keywords", "latentstyles", "levelnumbers", "leveltext", "list", "listlevel",
    "listname", "listoverride", "listoverridetable", "listpicture", "listtable", "mailmerge",
    "manager", "nextfile", "nonesttables", "objalias", "objclass", "objdata", "objname",
    "objsect", "objtime", "oldcprops", "oldpprops", "oldsprops", "oldtprops", "oleclsid",
    "operator", "panose", "password", "passwordhash", "pgp", "pgptbl", "picprop", "pict", "pn",
    "printim", "private", "propname", "protusertbl", "revtbl", "revtim", "rsidtbl", "shprslt",
    "sn", "sp", "staticval", "sv", "tc", "template", "themedata", "ud", "userprops",
    "wgrffmtfilter", "xe", "xmlattrname", "xmlattrvalue", "xmlclose", "xmlname", "xmlnstbl",
    "xmlopen", "falt",
})  # fmt: skip
