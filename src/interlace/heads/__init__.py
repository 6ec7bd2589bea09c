"""From what was fused to what is predicted. A head does not know how the tokens were made."""
