"""Text augmentation: changes to the training texts before they are tokenised."""
