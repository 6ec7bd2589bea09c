"""Flat list of the numbers of an analysis."""

from collections.abc import Mapping
from typing import Any


def numbers(content: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of an analysis by name: analysis/shapley/missing/text, analysis/emap/gap and so on."""
    found: dict[str, Any] = {"clean": content["clean"]}
    for line in (content.get("missing") or {}).get("curves", []):
        found[f"missing/{'+'.join(line['modalities'])}"] = line["area"]
    for line in content.get("noise") or []:
        found[f"noise/{line['modality']}/{line['noise']}"] = line["area"]
    for shares in content.get("shapley") or []:
        kind = shares["replacement"].partition(":")[0]
        found |= {f"shapley/{kind}/{name}": value for name, value in shares["phi"].items()}
        whole = "+".join(content["modalities"])
        if kind == "missing" and whole in shares["cooperation"]:
            found["cooperation"] = shares["cooperation"][whole]
    for name, row in ((content.get("perceptual") or {}).get("modalities") or {}).items():
        found[f"perceptual/{name}"] = row["loss"]
    for part, keys in (("emap", ("gap", "interaction")), ("gain", ("gain", "gain_over_ensemble"))):
        found |= {f"{part}/{key}": content[part][key] for key in keys if content.get(part)}
    for line in (content.get("coverage") or {}).get("patterns", []):
        if (measured := line["levels"]["0.9"]) is not None:
            found |= {f"{key}/{'+'.join(line['modalities'])}": measured[key] for key in ("coverage", "size")}
    found |= {f"mm_shap/{name}": value for name, value in (content.get("tokens") or {}).get("share", {}).items()}
    return {f"analysis/{name}": float(value) for name, value in found.items() if value is not None}
