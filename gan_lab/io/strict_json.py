"""JSON that every program reads: without the numbers that JSON does not have."""

import json
import math
from collections.abc import Mapping
from typing import Any


def finite(node: Any, digits: int | None = None) -> Any:
    """Plain data of mappings, tuples with names, lists and leaves, in which NaN and infinity are None.

    Other floats are rounded to so many significant `digits`; None: kept.
    """
    if isinstance(node, float):
        if not math.isfinite(node):
            return None
        return node if digits is None else float(f"{node:.{digits}g}")
    if isinstance(node, Mapping):
        return {str(key): finite(value, digits) for key, value in node.items()}
    if hasattr(node, "_asdict"):
        return finite(node._asdict(), digits)
    return [finite(value, digits) for value in node] if isinstance(node, list | tuple) else node


def in_json(data: Any) -> str:
    """Its text, indented; what is not finite is null."""
    return json.dumps(finite(data), indent=2, allow_nan=False)
