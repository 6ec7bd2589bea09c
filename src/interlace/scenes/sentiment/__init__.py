"""Speakers whose words, face and voice agree or conflict, and words that tell which of them to believe."""
