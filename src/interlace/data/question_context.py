"""Questions with the texts that were found for them, as one source text."""

CONTEXT = " context: "


def with_context(question: str, context: str) -> str:
    """Return the source "question: ... context: ...", as T5 reads SQuAD (Raffel et al. 2020, appendix D.15)."""
    return f"question: {question}{CONTEXT}{context}"


def context_of(source: str) -> str | None:
    """Return the context of a source that `with_context` made; None for another."""
    question, found, context = source.partition(CONTEXT)
    return context if found and question.startswith("question: ") else None
