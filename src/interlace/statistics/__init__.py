"""What the figures of a study allow to be said: intervals, contrasts of two arms, the best of many, mean ranks."""
