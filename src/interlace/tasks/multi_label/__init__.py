"""Any number of classes an example."""
