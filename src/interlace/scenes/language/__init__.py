"""What is seen and heard in scenes, in sentences of English, German, French and Chinese."""
