"""What a customer means who answers with one word: to hear no more, to hear again, or help.

Carriers in North America oblige senders to honour the English and French words; those of the other languages are what
customers are told to answer with, in messages and on pages. Only an answer that is the word and nothing else is taken
for it: whoever writes "please don't stop" wants to be read.
"""

import unicodedata
from collections.abc import Mapping
from typing import Literal

Meaning = Literal["stop", "start", "help"]

STOP: Mapping[str, frozenset[str]] = {
    "en": frozenset(
        {"stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit", "remove", "revoke", "optout",
         "opt out", "opt-out"}
    ),
    "fr": frozenset({"arret", "arrêt", "arrêter", "arreter", "désabonner", "desabonner", "stop sms"}),
    "es": frozenset({"baja", "alto", "cancelar", "parar", "salir"}),
    "pt": frozenset({"parar", "pare", "sair", "cancelar", "descadastrar"}),
    "de": frozenset({"stopp", "abmelden", "abbestellen"}),
    "zh": frozenset({"t", "td", "退订", "退訂", "停止", "取消订阅"}),
    "ja": frozenset({"停止", "配信停止", "解除", "ストップ"}),
    "ko": frozenset({"수신거부", "배신거부"}),
    "it": frozenset({"annulla", "cancella"}),
    "nl": frozenset({"afmelden", "stoppen"}),
}  # fmt: skip
START = frozenset({"start", "unstop", "restart", "resume"})
"""Not "yes": it may answer anything, and a consent that nobody meant is none."""
HELP: Mapping[str, frozenset[str]] = {
    "en": frozenset({"help", "info"}),
    "fr": frozenset({"aide"}),
    "es": frozenset({"ayuda"}),
    "pt": frozenset({"ajuda"}),
    "de": frozenset({"hilfe"}),
    "zh": frozenset({"帮助", "幫助"}),
    "ja": frozenset({"ヘルプ"}),
}
_WRAPPING = " \t\r\n\"'`.,;:!?¡¿*()[]<>«»„“”‘’。！？，、「」…\u200b\ufeff"
_STOP = frozenset().union(*STOP.values())
_HELP = frozenset().union(*HELP.values())


def meaning(text: str | None) -> Meaning | None:
    """Whatever the case, the width of its letters, and the marks and spaces around it."""
    word = unicodedata.normalize("NFKC", text or "").strip(_WRAPPING).casefold()
    word = " ".join(word.split())
    if word in _STOP:
        return "stop"
    if word in START:
        return "start"
    return "help" if word in _HELP else None
