"""Messages on a lane whose customer is known already."""

from perennial.domain.events import Event


def addressed(customer: str, event: Event) -> str:
    """The event as JSON for a lane, addressed to a customer by our own id."""
    return event.model_copy(update={"customer": customer}).to_json()
