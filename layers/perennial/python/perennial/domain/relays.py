"""Addresses that a marketplace makes up to stand between buyer and seller.

They say who somebody is only on that marketplace and in that shop, stop working after a while, and may be answered
about their order on the marketplace's own terms and used for nothing else: nobody is written to at one of them.
Sources: developer.ebay.com, "Member communications" (static e-mail addresses); Amazon's selling-partner pages on
anonymised buyer addresses; help.retently.com on temporary marketplace addresses; each marketplace's seller pages.
Apple's "Hide My Email" is none of them: such an address is the person's own way of being written to.
"""

_OF_ANY_COUNTRY = ("marketplace.amazon.", "members.ebay.", "fw.rakuten.", "pc.fw.rakuten.")
"""Followed by the country's own ending: marketplace.amazon.de."""
_DOMAINS = (
    "relay.walmart.com", "scs.tiktokw.us", "scs2.tiktok.com", "allegromail.pl", "mail.mercadolibre.com",
    "mail.mercadolivre.com", "verkopen.bol.com", "clemarche.com", "messages.cdiscount.com", "marketplace.fnac.com",
)  # fmt: skip


def is_relay(email: str) -> bool:
    """Does a marketplace stand between this address and the person? email: in lower case."""
    domain = email.rpartition("@")[2]
    return domain in _DOMAINS or domain.startswith(_OF_ANY_COUNTRY)
