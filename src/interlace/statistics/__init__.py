"""Statistics of a study: intervals, contrasts of two arms, multiple comparisons with the best arm, mean ranks."""
