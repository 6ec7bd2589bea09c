"""Laws: properties of every fusion strategy and every encoder, checked on small examples, without pytest."""
