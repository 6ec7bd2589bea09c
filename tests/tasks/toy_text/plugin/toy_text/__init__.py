"""A plug-in that adds one text task and one model that writes texts without the Trainer: a substitution cipher."""
