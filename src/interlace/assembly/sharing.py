"""What several processes may share, given that figures must not depend on how many they are."""

from collections.abc import Mapping
from typing import Any

from interlace.configuration.checking import resolve_target
from interlace.errors import UserError
from interlace.objectives.weighting.fixed import FixedWeighting
from interlace.objectives.weighting.uncertainty import UncertaintyWeighting
from interlace.tasks import ranks

REASONS = {
    "alignment": "each example is compared with all others of its batch, of which a process sees its own share alone",
    "gradient_modulation": "modalities are compared over a batch, of which a process sees its own share alone",
    "loss_weighting": "the weights follow gradients or trials, which each process would find for itself",
}


def check_shareable(config: Mapping[str, Any], *, counted: bool) -> None:
    """UserError for what several ranks would not do as one does."""
    if ranks.world_size() == 1:
        return
    if counted:
        raise UserError("trainer.devices: this model is counted in one process; use trainer=cpu")
    for section, why in REASONS.items():
        node = config.get(section)
        if node is None:
            continue
        if section == "loss_weighting" and resolve_target(section, node) in (FixedWeighting, UncertaintyWeighting):
            continue
        raise UserError(f"{section}: {why}; use one device, or {section}=null")
