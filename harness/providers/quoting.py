"""How an error from elsewhere is quoted in one of ours."""


def first_line(error: BaseException) -> str:
    """The first line of what the error says, or its kind when it says nothing."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
