"""Many runs: from a study file to a list of runs, a driver, statistics and a report."""
