"""Convert the GGUF of SmolLM2-135M-Instruct into a directory that vLLM and Dynamo's mocker can load.

usage: convert_model.py MODEL.gguf OUT_DIR

Both engines need safetensors, and a model hub may be unreachable, so this script dequantizes the weights of the GGUF.
The same input gives the same bytes. ci/setup compares model.safetensors with a committed hash.
"""

import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer


def main(gguf: pathlib.Path, out: pathlib.Path) -> None:
    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    tokenizer = AutoTokenizer.from_pretrained(**source)
    model = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)

    # As published by SmolLM2. Read from a GGUF, the end token would become the start token.
    tokenizer.eos_token = tokenizer.pad_token = "<|im_end|>"

    out.mkdir(parents=True)
    tokenizer.save_pretrained(out)
    model.generation_config.save_pretrained(out)

    config = model.config.to_dict()
    config.pop("quantization_config", None)  # the weights below are not quantized
    config.pop("_model_name_or_path", None)
    config.update(architectures=["LlamaForCausalLM"], tie_word_embeddings=True, dtype="bfloat16", torch_dtype="bfloat16")
    config["_name_or_path"] = "SmolLM2-135M-Instruct"
    (out / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True, default=str) + "\n")

    weights = {
        name: tensor.to(torch.bfloat16).contiguous()
        for name, tensor in sorted(model.state_dict().items())
        if name != "lm_head.weight"  # the same as the embedding
    }
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    (out / "model.safetensors").chmod(0o644)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
