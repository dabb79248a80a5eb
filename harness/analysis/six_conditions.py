"""The six conditions whose differences are told: with and without passages, from its own weights or an adapter's."""

from collections.abc import Mapping

CONDITIONS: Mapping[str, int] = {"direct": 1, "rag": 2, "ft": 3, "ft+rag": 4, "rag-ft": 5, "rag-ft+rag": 6}
