"""Speakers whose words, face and voice agree or conflict, with words that say which channel to believe."""
