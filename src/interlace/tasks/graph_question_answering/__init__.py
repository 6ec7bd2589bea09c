"""Question answering on a knowledge graph: answers, entity links, relations, and false answers."""
