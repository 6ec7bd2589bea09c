"""Pretraining steps of the Hugging Face Trainer on prepared token blocks: BERT with its collator, or GPT-2."""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np

from interlace.bench.measuring import reporting

Objective = Literal["mlm", "clm"]


def measure(
    *,
    objective: Objective,
    blocks: Path,
    tokenizer: Path,
    batch_size: int,
    warm_up_steps: int,
    steps: int,
    bf16: bool,
    dropout: float,
    attention_dropout: float,
    threads: int,
) -> dict[str, Any]:
    """Measure tokens per second over `steps` updates after `warm_up_steps`; only updates are timed.

    `blocks`: a .npy file of token ids (N, T) without padding; `tokenizer`: the tokenizer.json of these ids.
    """
    import torch
    import transformers

    torch.set_num_threads(threads)
    transformers.set_seed(0)
    rows = np.load(blocks)
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer), mask_token="<mask>", pad_token="<pad>", cls_token="<s>", sep_token="</s>"
    )
    collator = transformers.DataCollatorForLanguageModeling(
        fast, mlm=objective == "mlm", mlm_probability=0.15 if objective == "mlm" else None
    )
    model = build_model(objective, len(fast), rows.shape[1], dropout, attention_dropout)
    clock = _clock(warm_up_steps)
    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            output_dir=folder,
            use_cpu=True,
            bf16=bf16,
            max_steps=warm_up_steps + steps,
            per_device_train_batch_size=batch_size,
            learning_rate=1e-3,
            optim="adamw_torch_fused",
            logging_steps=50,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            dataloader_pin_memory=False,
            seed=0,
        )
        trainer = transformers.Trainer(model, arguments, collator, train_dataset=_Rows(rows), callbacks=[clock])
        trainer.train()
    tokens = steps * batch_size * rows.shape[1]
    return {
        "value": tokens / clock.seconds,
        "step_ms": 1000 * clock.seconds / steps,
        "parameters": sum(p.numel() for p in model.parameters()),
        "dropout": dropout,
        "attention_dropout": attention_dropout,
    }


def build_model(objective: Objective, vocabulary_size: int, length: int, dropout: float, attention: float) -> Any:
    """Return a model of 4 layers of width 256 with 4 heads and a feed-forward width of 1024, with random weights."""
    import transformers

    if objective == "mlm":
        return transformers.BertForMaskedLM(
            transformers.BertConfig(
                vocab_size=vocabulary_size,
                hidden_size=256,
                num_hidden_layers=4,
                num_attention_heads=4,
                intermediate_size=1024,
                max_position_embeddings=length,
                hidden_dropout_prob=dropout,
                attention_probs_dropout_prob=attention,
            )
        )
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=vocabulary_size,
            n_positions=length,
            n_embd=256,
            n_layer=4,
            n_head=4,
            n_inner=1024,
            resid_pdrop=dropout,
            embd_pdrop=dropout,
            attn_pdrop=attention,
            bos_token_id=0,
            eos_token_id=0,
        )
    )


class _Rows:
    """Map-style data set for the Trainer."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        return {"input_ids": self.rows[index].tolist()}


def _clock(warm_up_steps: int) -> Any:
    """Return a callback that times the updates after the first `warm_up_steps`."""
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        started = seconds = 0.0

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == warm_up_steps:
                self.started = time.perf_counter()
            self.seconds = time.perf_counter() - self.started

    return Clock()


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("objective", choices=["mlm", "clm"])
    parser.add_argument("--blocks", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--warm-up-steps", type=int, default=4)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--attention-dropout", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=1)
    with reporting() as figures:
        figures.update(measure(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
