"""A recipe's YAML as plain values; a key that stands twice is an error, where YAML's readers let the second one win."""

from collections.abc import Iterator

import yaml

from schemas.errors import RecipeError


def parse(content: bytes, path: str) -> object:
    """What the file at `path` holds.

    Raises:
        RecipeError: it is not valid YAML, or a key stands twice in one mapping; both with the line.
    """
    try:
        loader = yaml.SafeLoader(content)
        node = loader.get_single_node()
        if node is None:
            return None
        _require_once(node, path)
        return loader.construct_document(node)
    except RecipeError:
        raise
    except (yaml.YAMLError, ValueError) as error:  # a ValueError is that of a date or number, such as 2026-13-01
        raise RecipeError(f"recipe {path}: not valid YAML: {error}", hint="Mend the line named above.") from error


def _require_once(root: yaml.Node, path: str) -> None:
    repeated = min(_repeated(root), default=None)
    if repeated:
        second, first, key = repeated
        raise RecipeError(
            f"recipe {path}, line {second}: the key {key} stands there a second time, after line {first}",
            hint="Write both into one, or remove one of them: only one could hold.",
        )


def _repeated(root: yaml.Node) -> Iterator[tuple[int, int, str]]:
    """(line of a repetition, line before it, key with those above it), in no order. Aliases are followed once."""
    waiting: list[tuple[yaml.Node, str]] = [(root, "")]
    seen: set[int] = set()
    while waiting:
        node, above = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += [(one, above) for one in node.value]
        elif isinstance(node, yaml.MappingNode):
            yield from _repeated_here(node, above)
            waiting += [(value, f"{above}{_name(key)}.") for key, value in node.value]


def _repeated_here(node: yaml.MappingNode, above: str) -> Iterator[tuple[int, int, str]]:
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        line, name = key.start_mark.line + 1, (key.tag, key.value)
        if name in lines:
            yield line, lines[name], f"{above}{key.value}"
        lines[name] = line


def _name(key: yaml.Node) -> str:
    return key.value if isinstance(key, yaml.ScalarNode) else "?"
