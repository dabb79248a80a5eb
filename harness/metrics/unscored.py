"""Why a metric has nothing to say about a case."""


class Unscored(ValueError):
    """A metric that cannot be computed; the text is the reason, and is kept in place of a number."""

    @property
    def reason(self) -> str:
        """The reason as one line; never empty."""
        return " ".join(str(self).split()) or "no reason given"
