"""The trainer: the Osprey model in the conventions of transformers, trained in three stages on our shards.

    from osprey_train import OspreyForConditionalGeneration, OspreyProcessor
"""

from osprey_train.model import OspreyConfig, OspreyForConditionalGeneration, OspreyProcessor

__all__ = ["OspreyConfig", "OspreyForConditionalGeneration", "OspreyProcessor"]
