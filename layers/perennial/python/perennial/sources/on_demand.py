"""Sources by name, each loaded when it is first asked for: a start of the function meets one vendor, not thirteen."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, cast

from perennial.sources import Source

if TYPE_CHECKING:  # Nothing is loaded: mypy sees here that each module is a `Source`, which `cast` only claims.
    from perennial.sources import (
        aftership,
        aftership_returns,
        bigcommerce,
        canonical,
        easypost,
        freshdesk,
        gorgias,
        intercom,
        mail,
        open_events,
        seventeentrack,
        shopify,
        sns,
        twilio,
        woocommerce,
        zendesk,
    )

    SHOPS: tuple[Source, ...] = (shopify, woocommerce, bigcommerce)
    HELP_DESKS: tuple[Source, ...] = (zendesk, freshdesk, gorgias, intercom)
    CARRIERS: tuple[Source, ...] = (aftership, aftership_returns, seventeentrack, easypost)
    OTHERS: tuple[Source, ...] = (twilio, open_events, sns, mail, canonical)

Load = Callable[[], Source]


class OnDemand(Mapping[str, Source]):
    """Knows all names and loads none, until it is asked for one. Whoever asks for all values loads them all."""

    def __init__(self, loads: Mapping[str, Load]) -> None:
        self._loads = dict(loads)

    def also(self, name: str, load: Load) -> "OnDemand":
        """These and one more; in its place where the name is taken."""
        return OnDemand({**self._loads, name: load})

    def __getitem__(self, name: str) -> Source:
        return self._loads[name]()

    def __contains__(self, name: object) -> bool:
        return name in self._loads

    def __iter__(self) -> Iterator[str]:
        return iter(self._loads)

    def __len__(self) -> int:
        return len(self._loads)


def module(name: str) -> Load:
    """Loads a module of this package; Python keeps it."""
    return lambda: cast(Source, import_module(f"perennial.sources.{name}"))
