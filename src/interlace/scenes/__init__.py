"""Pictures of coloured shapes, one of which sounds, and questions that need one, two or either of them."""
