"""Models that write texts and are fitted without the Trainer (`interlace.models.text_algorithm`)."""
