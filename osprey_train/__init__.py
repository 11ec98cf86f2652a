"""The trainer: the Osprey model in the conventions of transformers, trained in three stages on our shards.

    from osprey_train import Describer

    osprey = Describer("runs/x")
    print(osprey("picture.jpg", mask="mask.png", ask="What is <region1>?"))

Names are imported when they are first used, so that `--help` of a command does not wait for torch. The Auto classes of
transformers know the model once one of the names is imported, or `osprey_train.model`; `import osprey_train` alone does
not do it, and `AutoProcessor` would then quietly give the tokenizer.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from osprey_train.describer import Describer as Describer
    from osprey_train.model import OspreyConfig as OspreyConfig
    from osprey_train.model import OspreyForConditionalGeneration as OspreyForConditionalGeneration
    from osprey_train.model import OspreyProcessor as OspreyProcessor

_HOME = {
    "Describer": "osprey_train.describer",
    "OspreyConfig": "osprey_train.model",
    "OspreyForConditionalGeneration": "osprey_train.model",
    "OspreyProcessor": "osprey_train.model",
}
__all__ = ["Describer", "OspreyConfig", "OspreyForConditionalGeneration", "OspreyProcessor"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
