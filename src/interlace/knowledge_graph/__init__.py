"""Knowledge graphs: triples from files, entity linking, answers by SPARQL, and questions made from a graph."""
